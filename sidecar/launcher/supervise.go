package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	superviseFirst = 100 * time.Millisecond
	superviseMost  = 10 * time.Second
	superviseReset = time.Minute
	supervisePoll  = 500 * time.Millisecond
)

// supervisor keeps one command running: a native sidecar that exits makes its pod not Ready, so its
// PID 1 is this and the agent its child.
type supervisor struct {
	argv  []string
	limit int64 // resident bytes; 0: none
	pid   int   // 0: waits to be started
	since time.Time
	delay time.Duration
}

func mainSupervise(args []string) int {
	s := supervisor{delay: superviseFirst}
	flags := newFlags("supervise")
	flags.Int64Var(&s.limit, "memory-limit", 0, "`BYTES`: resident memory above which the command is ended and started again")
	if err := parse(flags, args); err != nil {
		return usageError(err)
	}
	if s.argv = flags.Args(); len(s.argv) == 0 {
		return usageError(errors.New("cannot supervise: no command"))
	}
	frugal()
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fail(fmt.Errorf("cannot become the reaper of orphans: %w", err))
	}
	return s.run()
}

// run ends only when it is told to, with the command's last status.
func (s *supervisor) run() int {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, unix.SIGCHLD, unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2)
	tick := time.NewTicker(supervisePoll)
	again := time.NewTimer(0)
	stopping := false
	for {
		select {
		case <-again.C:
			s.start(again)
		case <-tick.C:
			s.checkMemory()
		case got := <-signals:
			switch got {
			case unix.SIGCHLD:
				if status, ended := s.reap(); ended {
					if stopping {
						return exitCode(status)
					}
					log("supervised command ended", "exit", describeExit(status), "again in", s.pause(again))
				}
			case unix.SIGTERM, unix.SIGINT:
				stopping = true
				again.Stop()
				if s.pid == 0 {
					return 0
				}
				fallthrough
			default:
				if s.pid > 0 {
					_ = unix.Kill(s.pid, got.(syscall.Signal))
				}
			}
		}
	}
}

func (s *supervisor) start(again *time.Timer) {
	pid, err := forkCommand(s.argv)
	if err != nil {
		log("cannot start the supervised command", "error", err.Error(), "again in", s.pause(again))
		return
	}
	s.pid, s.since = pid, time.Now()
	time.AfterFunc(restAfter, rest)
}

// pause sets the timer: longer each time, short again after a good run.
func (s *supervisor) pause(again *time.Timer) time.Duration {
	if !s.since.IsZero() && time.Since(s.since) > superviseReset {
		s.delay = superviseFirst
	}
	delay := s.delay
	s.delay = min(2*s.delay, superviseMost)
	again.Reset(delay)
	return delay
}

func (s *supervisor) reap() (last unix.WaitStatus, ended bool) {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || pid <= 0 {
			return last, ended
		}
		if pid == s.pid {
			_ = unix.Kill(-s.pid, unix.SIGKILL)
			s.pid, last, ended = 0, status, true
		}
	}
}

func (s *supervisor) checkMemory() {
	if s.limit == 0 || s.pid == 0 {
		return
	}
	if used := residentBytes(family(processTable(), s.pid)); used > s.limit {
		log("supervised command killed", "why", fmt.Sprintf("it used %d of %d bytes", used, s.limit))
		_ = unix.Kill(-s.pid, unix.SIGKILL)
	}
}
