package main

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// A handshake under way (SYN_RECV) is not in the accept queue's figure yet: the client's ACK has
	// this long to arrive after the flip. What comes later is an orphan, and is passed on.
	handshakeGrace = 50 * time.Millisecond
	// A request on a connection that was accepted a moment ago may not have been read yet. Many servers
	// (Go's net/http is one) close such a connection without an answer once they are told to stop.
	requestGrace = time.Second
	drainPoll    = 2 * time.Millisecond
	lameDuckPoll = 20 * time.Millisecond
)

// drain stops a process generation that gets no new connections any more: once its queue ran empty,
// and its connections ended or their time is up (the requests' at least, the lame duck's where longer).
func (l *Launcher) drain(g *generation, h handoff) {
	l.mu.Lock()
	if !g.alive() || g.stopped {
		l.mu.Unlock()
		return
	}
	g.state, g.stopped = ProcessDraining, true
	l.touch()
	fds, ports := l.socketsOwned(g)
	l.mu.Unlock()
	began := time.Now()
	g.waitUntil(drainPoll, max(h.drain, handshakeGrace), func() bool {
		return time.Since(began) >= handshakeGrace && allEmpty(fds)
	})
	g.waitUntil(lameDuckPoll, max(h.lameDuck, requestGrace), func() bool { return established(g.pids(), ports) == 0 })
	l.signal(g, unix.SignalNum(h.stop))
	g.waitUntil(h.drain+time.Second, h.drain, func() bool { return false })
	l.mu.Lock()
	defer l.mu.Unlock()
	g.kill(fmt.Sprintf("it ran on for %v after %s", h.drain, h.stop))
}

func (l *Launcher) signal(g *generation, s unix.Signal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g.tell(s)
}

// socketsOwned lists the slots of a generation and their ports. mu is held.
func (l *Launcher) socketsOwned(g *generation) (fds []int, ports map[uint16]bool) {
	ports = map[uint16]bool{}
	for _, grp := range l.groups {
		for _, s := range grp.slots {
			if s.owner == g {
				fds = append(fds, s.fd)
				ports[grp.address.port] = true
			}
		}
	}
	return fds, ports
}

// waitUntil polls until done says so, the process is gone, or the time is up. A look that took long (a
// table of many connections) is followed by a longer pause: looking takes a twentieth at most.
func (g *generation) waitUntil(every, most time.Duration, done func() bool) {
	end := time.NewTimer(most)
	defer end.Stop()
	for most > 0 {
		began := time.Now()
		if done() {
			return
		}
		pause := max(every, 20*time.Since(began))
		select {
		case <-g.gone:
			return
		case <-end.C:
			return
		case <-time.After(min(pause, most)):
		}
	}
}

func allEmpty(fds []int) bool {
	for _, fd := range fds {
		if queued(fd) > 0 {
			return false
		}
	}
	return true
}

// established counts the connections that the processes hold on these local ports. What cannot be
// seen may be there.
func established(pids []int, ports map[uint16]bool) int {
	held, all := socketsOf(pids)
	n := 0
	err := eachEstablished(func(inode uint64, port uint16) {
		if ports[port] && held[inode] {
			n++
		}
	})
	if err != nil || !all {
		n++
	}
	return n
}
