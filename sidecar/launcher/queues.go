package main

import (
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// An orphan is a connection that the kernel queued on a slot that nobody accepts from: its process is
// gone, or closed its descriptor, which says nothing to the launcher, whose copy listens on. The
// client was promised a server by the handshake: the launcher passes it on to one that lives.

const (
	orphanWatch = 10 * time.Second // after a process ended; a handshake's retries fit in
	orphanFast  = time.Second      // polled often at first
	closedAfter = time.Second      // a queue that waited so long is looked into
	maxOrphans  = 256
)

// watchQueues looks for orphans for as long as the launcher runs.
func (l *Launcher) watchQueues() {
	for {
		select {
		case <-l.wake:
		case <-time.After(l.queuesPause()):
		}
		l.lookAtQueues(time.Now())
	}
}

// queuesPause is how long nobody need look: long, unless a process ended a moment ago.
func (l *Launcher) queuesPause() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch left := time.Until(l.orphansUntil); {
	case left > orphanWatch-orphanFast:
		return 5 * time.Millisecond
	case left > 0:
		return 100 * time.Millisecond
	}
	return closedAfter
}

// watchOrphans has the queues looked at often for a while. mu is held.
func (l *Launcher) watchOrphans() {
	l.orphansUntil = time.Now().Add(orphanWatch)
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// lookAtQueues handles what is queued now.
func (l *Launcher) lookAtQueues(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopping {
		return
	}
	for _, grp := range l.groups {
		for _, s := range grp.slots {
			if !grp.crowded(s) {
				s.waits = time.Time{}
				continue
			}
			if s.owner != nil && s.closed(now) {
				log("closed", "address", grp.address.String(), "generation", s.owner.number)
				s.owner, s.listening = nil, false
				grp.refuse()
				l.steerOrLog()
			}
			if s.owner == nil && grp.serves() && !heldByApp(s.inode) {
				grp.adopt(s)
			}
		}
	}
}

// closed says whether the owner, who lives, no longer holds a socket that connections wait on.
func (s *slot) closed(now time.Time) bool {
	if s.waits.IsZero() {
		s.waits = now
	}
	return now.Sub(s.waits) >= closedAfter && !heldByApp(s.inode)
}

// serves says whether a process with weight listens here.
func (g *group) serves() bool {
	return slices.ContainsFunc(g.slots, func(s *slot) bool { return s.owner != nil && s.listening && s.owner.weight > 0 })
}

// refuse stops listening where no process does: a client hears at once that nobody serves, as it
// would without us. What is queued is reset.
func (g *group) refuse() {
	if slices.ContainsFunc(g.slots, func(s *slot) bool { return s.owner != nil && s.listening }) {
		return
	}
	for _, s := range g.slots {
		if s.member {
			_ = unix.Shutdown(s.fd, unix.SHUT_RD)
		}
	}
	g.notice()
}

// heldByApp says whether a process below the launcher holds the socket, or may hold it.
func heldByApp(inode uint64) bool {
	pids := slices.DeleteFunc(family(processTable(), selfPID), func(pid int) bool { return pid == selfPID })
	held, all := socketsOf(pids)
	return held[inode] || !all
}

// adopt accepts what is queued on the slot and joins each connection to the live process. The slot
// may be a blocking socket, as its last process wanted it: mu is held here.
func (g *group) adopt(s *slot) {
	if unix.SetNonblock(s.fd, true) != nil {
		return
	}
	for range maxOrphans {
		client, _, err := unix.Accept4(s.fd, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		if err != nil {
			return
		}
		log("orphan passed on", "address", g.address.String())
		go splice(client, g.address)
	}
}
