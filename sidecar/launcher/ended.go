package main

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// ended handles that the main process of a generation was reaped.
func (l *Launcher) ended(g *generation) {
	<-g.begun // its start error, if it has one, is known from here on
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.wentToBackground(g) {
		return
	}
	g.state, g.exit = ProcessExited, describeExit(g.status)
	if g.startError != nil {
		g.exit = g.startError.Error()
	}
	// What is left of it would accept connections in nobody's name. A container's end kills it, too.
	_ = unix.Kill(-g.pid, unix.SIGKILL)
	for _, grp := range l.groups {
		for _, s := range grp.slots {
			if s.owner == g {
				s.owner, s.listening = nil, false
			}
		}
	}
	close(g.gone)
	log("ended", "generation", g.number, "pid", g.pid, "exit", g.exit)
	g.weight = 0
	l.react(g)
	l.steerOrLog()
	l.watchOrphans()
	l.exitIfDone()
}

// react decides what the end of this process generation means. mu is held.
func (l *Launcher) react(g *generation) {
	u := l.upgrade
	switch {
	case l.stopping:
	case u.underWay() && g == u.new:
		reason, why := TakenBackExited, "the new process ended before it was promoted: "+g.exit
		switch {
		case g.startError != nil:
			reason = TakenBackStartFailed
		case u.killedForMemory(g):
			reason = TakenBackOutOfMemory
			why += fmt.Sprintf(", by the kernel: the container's %d MiB were used up", containerCgroup().limit()>>20)
		}
		l.takeBack(reason, why, time.Now())
	case g == l.serving:
		l.crashed(g)
	}
}

// crashed starts the app again, with back-off, or gives its status to whoever runs the launcher. An
// app that never ran at all (a command that is not there) is not tried again.
func (l *Launcher) crashed(g *generation) {
	if !l.config.restart || g.startError != nil && g.number == 1 {
		if g.startError != nil {
			log("cannot run the app", "error", g.startError.Error())
		}
		l.stopping = true
		return
	}
	delay := l.backoff.next(time.Since(g.startAt))
	l.restarts++
	log("restarts", "generation", g.number, "after", delay)
	if delay > 0 {
		// A probe that only connects must not find a server while there is none for so long.
		for _, grp := range l.groups {
			grp.refuse()
		}
	}
	time.AfterFunc(delay, func() { l.restart(g) })
}

// restart starts the program of a process generation that ended, unless another serves by now.
func (l *Launcher) restart(old *generation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopping || l.serving != old {
		return
	}
	g, err := l.start(old.spec, 100)
	if err != nil {
		// The verified file cannot be read for now; the image's own may be all there is.
		delay := l.backoff.next(0)
		log("cannot restart", "error", err.Error(), "after", delay)
		time.AfterFunc(delay, func() { l.restart(old) })
		return
	}
	if u := l.upgrade; u.underWay() && u.old == old {
		u.old = g
	}
	l.serving = g
}

// wentToBackground follows an app that daemonized: its first process ended well while an orphan of
// it, now our child, holds its sockets. mu is held.
func (l *Launcher) wentToBackground(g *generation) bool {
	if g.stopped || l.stopping || !g.status.Exited() || g.status.ExitStatus() != 0 {
		return false
	}
	var mine []uint64
	for _, grp := range l.groups {
		for _, s := range grp.slots {
			if s.owner == g {
				mine = append(mine, s.inode)
			}
		}
	}
	if len(mine) == 0 {
		return false
	}
	for _, process := range processTable() {
		if process.parent != selfPID || process.state == 'Z' || l.isMain(process.pid) {
			continue
		}
		held, _ := socketsOf([]int{process.pid})
		if slices.ContainsFunc(mine, func(inode uint64) bool { return held[inode] }) {
			log("went to the background", "generation", g.number, "pid", process.pid)
			g.pid = process.pid
			return true
		}
	}
	return false
}

// isMain says whether the pid is the first process of a generation that lives. mu is held.
func (l *Launcher) isMain(pid int) bool {
	return slices.ContainsFunc(l.gens, func(g *generation) bool { return g.alive() && g.pid == pid })
}
