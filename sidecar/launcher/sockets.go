package main

import (
	"errors"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// What the app does with its sockets, and what it means for process generations: the launcher as the
// owner of the slots (socketOwner).

// bind is a socketOwner's.
func (l *Launcher) bind(g *generation, a address, options map[option][]byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !g.alive() {
		return -1, errNotOurs // a process that outlived its generation
	}
	l.release(g, a)
	grp := l.groups[a]
	if grp == nil {
		grp = &group{address: a}
	} else if grp.ownedBy(g) && !isSet(options, option{unix.SOL_SOCKET, unix.SO_REUSEPORT}) {
		return -1, errNotOurs // bound twice: the kernel says EADDRINUSE, as it would without us
	}
	s, err := grp.borrow(g, options)
	if err != nil {
		log("left to the kernel", "address", a.String(), "error", err.Error())
		return -1, err
	}
	l.groups[a] = grp
	return s.fd, nil
}

// release frees the slots of this address that the generation closed: it binds again, perhaps in
// place of a worker that died. mu is held.
func (l *Launcher) release(g *generation, a address) {
	grp := l.groups[a]
	if grp == nil || !grp.ownedBy(g) {
		return
	}
	held, all := socketsOf(g.pids())
	for _, s := range grp.slots {
		if s.owner == g && all && !held[s.inode] {
			s.owner, s.listening = nil, false
		}
	}
}

func (g *group) ownedBy(owner *generation) bool {
	return slices.ContainsFunc(g.slots, func(s *slot) bool { return s.owner == owner })
}

// listen is a socketOwner's.
func (l *Launcher) listen(g *generation, inode uint64, backlog int) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, grp := range l.groups {
		for _, s := range grp.slots {
			if s.inode == inode && s.owner == g {
				err := grp.listen(s, backlog, l.weightOf(grp))
				l.hangups.watch(s.fd)
				l.listens(g)
				return true, err
			}
		}
	}
	return false, nil
}

// listens takes note that a generation listens on one more socket. mu is held.
func (l *Launcher) listens(g *generation) {
	if g.state == ProcessStarting && l.covers(g) {
		g.state, g.listenAt = ProcessListening, time.Now()
		if g.weight > 0 {
			g.state = ProcessServing
		}
		if u := l.upgrade; u.underWay() && u.new == g {
			u.state = u.state.listens()
			u.listenMS = milliseconds(g.listenAt.Sub(u.began))
		}
		log("listens", "generation", g.number)
	}
	l.touch()
}

// covers says whether a new generation listens wherever the serving one does; the first one covers
// all with its first socket. mu is held.
func (l *Launcher) covers(g *generation) bool {
	for _, grp := range l.groups {
		needed, has := false, false
		for _, s := range grp.slots {
			needed = needed || s.listening && s.owner != nil && s.owner == l.serving && s.owner != g
			has = has || s.listening && s.owner == g
		}
		if needed && !has {
			return false
		}
	}
	return true
}

// weightOf spreads a generation's weight over its slots of the group. mu is held while it is used.
func (l *Launcher) weightOf(grp *group) func(*slot) int {
	return func(s *slot) int {
		n := 0
		for _, other := range grp.slots {
			if other.owner == s.owner && other.listening {
				n++
			}
		}
		return s.owner.weight * 1000 / n
	}
}

// steer puts the weights in force everywhere. mu is held.
func (l *Launcher) steer() error {
	var all error
	for _, grp := range l.groups {
		grp.notice()
		all = errors.Join(all, grp.steer(l.weightOf(grp)))
	}
	return all
}

// steerOrLog is steer where nobody waits for its outcome. mu is held.
func (l *Launcher) steerOrLog() {
	if err := l.steer(); err != nil {
		log("cannot steer", "error", err.Error())
	}
	l.touch()
}

// shutDown handles that an app shut a listener down.
func (l *Launcher) shutDown() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.steerOrLog()
}

// leave is a socketOwner's. The serving app runs on as it is, but cannot be upgraded hot; a new one
// that cannot take the sockets over is taken back, and says nothing about the old one.
func (l *Launcher) leave(g *generation, why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.touch()
	log("left alone", "generation", g.number, "why", why)
	switch u := l.upgrade; {
	case u.underWay() && u.new == g:
		l.takeBack(TakenBackStartFailed, "the new process cannot take the sockets over: "+why, time.Now())
	case l.serving == g:
		l.mode, l.why = ModePlain, why
		if g.alive() {
			g.state = ProcessServing // nothing tells us when it listens
		}
	}
}
