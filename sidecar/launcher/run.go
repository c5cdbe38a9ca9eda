package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

func mainRun(args []string) int {
	c, err := parseRun(args, os.Getenv)
	if err != nil {
		return usageError(err)
	}
	frugal()
	code, err := newLauncher(c).Run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "hotupgrade-launcher:", err)
	}
	return code
}

// Run runs the app until it is told to stop, and returns what to exit with.
func (l *Launcher) Run() (int, error) {
	// Also without a PID namespace of our own, and under shareProcessNamespace, orphans are ours.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return 1, fmt.Errorf("cannot become the reaper of orphans: %w", err)
	}
	// SIGCHLD apart: none is lost while others come in a storm. None is ignored: an app would inherit
	// that, while a handler ends with its exec.
	signals, children := make(chan os.Signal, 64), make(chan os.Signal, 1)
	signal.Notify(signals)
	signal.Notify(children, unix.SIGCHLD)
	if err := l.watch(); err != nil {
		return 1, err
	}
	if err := l.chooseMode(); err != nil {
		return 1, err
	}
	if err := l.serve(); err != nil {
		if l.config.asked || errors.Is(err, errTaken) {
			return 1, err
		}
		log("takes no commands", "why", err.Error()) // a read-only container without a volume, perhaps
	}
	if err := l.begin(); err != nil {
		return 126, err
	}
	for {
		select {
		case code := <-l.exit:
			return code, nil
		case <-children:
			l.reap()
		case s := <-signals:
			l.signalled(s.(syscall.Signal))
		}
	}
}

// watch looks after the sockets for as long as the launcher runs.
func (l *Launcher) watch() (err error) {
	if l.hangups, err = newHangups(); err != nil {
		return err
	}
	go l.watchQueues()
	go func() {
		if err := l.hangups.follow(l.shutDown); err != nil {
			log("cannot watch the listeners", "error", err.Error())
		}
	}()
	return nil
}

// chooseMode tries what transparent mode needs. In auto an app is never kept from running.
func (l *Launcher) chooseMode() error {
	l.mode, l.why = ModeTransparent, "the kernel and the runtime allow it"
	err := selfTest()
	if l.traps = err == nil; l.traps {
		return nil
	}
	if l.config.mode == "transparent" {
		return err
	}
	l.mode, l.why = ModePlain, err.Error()
	log("not hot capable", "why", l.why)
	return nil
}

// begin starts the first process generation: what was last committed, else the command itself.
func (l *Launcher) begin() error {
	spec, superseded := l.committed()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.super = superseded
	if superseded != "" {
		log("superseded", "why", superseded)
	}
	g, err := l.start(spec, 100)
	if err != nil && spec.program != nil {
		l.super = err.Error()
		log("superseded", "why", l.super)
		g, err = l.start(l.ownSpec(), 100)
	}
	if err != nil {
		return err
	}
	l.serving = g
	return nil
}

// ownSpec is the command as the image has it.
func (l *Launcher) ownSpec() runSpec {
	return runSpec{argv: l.config.argv, revision: imageRevision, handoff: l.config.handoff}
}

// signalled handles one signal: one that asks to end is passed on to every process generation, any
// other to the one that serves.
func (l *Launcher) signalled(s syscall.Signal) {
	switch s {
	case unix.SIGCHLD, unix.SIGURG: // ours, and Go's own
	case unix.SIGPIPE, unix.SIGTTIN, unix.SIGTTOU: // what the launcher itself did
	case unix.SIGTERM, unix.SIGINT, unix.SIGQUIT:
		l.stop(s)
	default:
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.serving != nil {
			l.serving.tell(s)
		}
	}
}

// stop passes the signal on and exits when the last process generation has.
func (l *Launcher) stop(s unix.Signal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	log("stopping", "signal", unix.SignalName(s))
	l.stopping = true
	l.touch()
	for _, g := range l.gens {
		g.tell(s)
	}
	l.exitIfDone()
}

// exitIfDone ends the launcher once it was told to stop and nothing runs. mu is held.
func (l *Launcher) exitIfDone() {
	if !l.stopping {
		return
	}
	for _, g := range l.gens {
		if g.alive() {
			return
		}
	}
	code := 0
	if l.serving != nil {
		code = exitCode(l.serving.status)
	}
	l.quit(code)
}

// quit ends the launcher; the first call counts.
func (l *Launcher) quit(code int) {
	select {
	case l.exit <- code:
	default:
	}
}

// reap collects every child that ended: process generations, and orphans of theirs.
func (l *Launcher) reap() {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		l.mu.Lock()
		for _, g := range l.gens {
			if g.pid == pid && g.alive() {
				g.status = status
				go l.ended(g)
			}
		}
		l.mu.Unlock()
	}
}
