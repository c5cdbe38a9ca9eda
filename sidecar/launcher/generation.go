package main

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// runSpec is what a process generation runs, kept so that a crashed one can be started again.
type runSpec struct {
	argv     []string
	program  *Program // nil: the command's own file
	env      []string
	revision string
	version  string
	handoff  handoff
}

// generation is one run of the app. The launcher's lock guards its fields, but options'.
type generation struct {
	number   int
	spec     runSpec
	image    image
	pid      int
	state    ProcessState
	weight   int
	startAt  time.Time
	listenAt time.Time
	exit     string
	status   unix.WaitStatus
	begun    chan struct{} // closed once the app's exec succeeded, or failed with startError
	gone     chan struct{} // closed once its first process is reaped
	stopped  bool          // told to stop

	startError error
	options    recordedOptions
}

func (g *generation) alive() bool { return g.state != ProcessExited }

// pids are the processes of this generation, zombies left out.
func (g *generation) pids() []int { return family(processTable(), g.pid) }

// resolve opens and hashes the program and lays it over the command.
func (r runSpec) resolve() (image, error) {
	if r.program == nil {
		return image{argv: r.argv, env: r.env}, nil
	}
	file, err := openVerified(r.program.File, r.program.SHA256)
	if err != nil {
		return image{}, err
	}
	i, err := replaceWord(r.argv, *r.program, file)
	if err != nil {
		_ = file.Close()
		return image{}, err
	}
	i.env = append(i.env, r.env...)
	return i, nil
}

// describeExit says how a process ended, as a person would.
func describeExit(status unix.WaitStatus) string {
	switch {
	case status.Signaled():
		return "signal " + unix.SignalName(status.Signal())
	default:
		return fmt.Sprintf("exit status %d", status.ExitStatus())
	}
}

// exitCode is what the launcher exits with in the app's place: its status, or 128 and the signal.
func exitCode(status unix.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// signalAll sends a signal to every process of the generation, the newest too.
func (g *generation) signalAll(signal unix.Signal) {
	for _, pid := range g.pids() {
		_ = unix.Kill(pid, signal)
	}
}

// kill ends what is left of a generation.
func (g *generation) kill(why string) {
	if g.alive() {
		log("killed", "generation", g.number, "why", why)
		g.stopped = true
		g.signalAll(unix.SIGKILL)
	}
}

// tell sends a signal to the main process, as a kubelet would to PID 1.
func (g *generation) tell(signal unix.Signal) {
	if g.alive() && g.pid > 0 {
		_ = unix.Kill(g.pid, signal)
	}
}

func closeFile(f *os.File) {
	if f != nil {
		_ = f.Close()
	}
}
