package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Launcher owns the sockets and the process generations. mu guards every field below it.
type Launcher struct {
	config config
	exit   chan int   // the code to exit with, once
	starts sync.Mutex // held while a start command is carried out; before mu

	mu       sync.Mutex
	mode     Mode
	why      string
	base     Base
	baseWord string // the word whose file base is of
	super    string // why the committed revision does not run
	sequence int64
	changed  chan struct{} // closed at a change, then made anew
	groups   map[address]*group
	gens     []*generation // at most keepExited of them have exited
	serving  *generation   // what is started again when it crashes
	upgrade  *upgrade
	restarts int
	numbers  int
	stopping bool
	backoff  backoff
	orphans  bool // the watch for orphaned connections runs

	orphansUntil time.Time
}

const keepExited = 4

var selfPID = os.Getpid()

func newLauncher(c config) *Launcher {
	return &Launcher{config: c, exit: make(chan int, 1), changed: make(chan struct{}), groups: map[address]*group{}}
}

// touch tells everybody who waits that something changed. mu is held.
func (l *Launcher) touch() {
	l.sequence++
	close(l.changed)
	l.changed = make(chan struct{})
}

// start resolves and launches. mu is held.
func (l *Launcher) start(spec runSpec, weight int) (*generation, error) {
	img, err := spec.resolve()
	if err != nil {
		return nil, err
	}
	defer closeFile(img.file)
	return l.launch(spec, img, weight)
}

// launch starts a process generation with this weight. mu is held.
func (l *Launcher) launch(spec runSpec, img image, weight int) (*generation, error) {
	s, err := spawn(img, l.mode == ModeTransparent)
	if err != nil {
		return nil, err
	}
	l.numbers++
	img.file = nil // the caller closes it
	g := &generation{
		number: l.numbers, spec: spec, image: img, pid: s.pid, weight: weight,
		state: ProcessStarting, startAt: time.Now(),
		begun: make(chan struct{}), gone: make(chan struct{}),
	}
	l.gens = append(l.gens, g)
	l.forget()
	l.touch()
	log("started", "generation", g.number, "pid", g.pid, "revision", spec.revision)
	go l.follow(g, s)
	return g, nil
}

// forget drops the oldest of the exited generations. mu is held.
func (l *Launcher) forget() {
	exited := 0
	for i := len(l.gens) - 1; i >= 0; i-- {
		if !l.gens[i].alive() {
			if exited++; exited > keepExited {
				l.gens = slices.Delete(l.gens, i, i+1)
			}
		}
	}
}

// follow answers one generation's trapped calls until none of its processes is left.
func (l *Launcher) follow(g *generation, s spawned) {
	listener, err := s.started()
	g.startError = err // read after begun is closed only
	close(g.begun)
	if err != nil {
		return // its end follows by wait4
	}
	if listener >= 0 {
		serveNotifications(listener, g, l)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if g.alive() {
		g.state = ProcessServing // nothing tells us when it listens
	}
	l.touch()
}

// bind is a socketOwner's.
func (l *Launcher) bind(g *generation, c call, a address, options map[option][]byte) (int, error) {
	if inEpoll(c.n.pid, c.fd) {
		l.giveUp("the app registers its socket with epoll before bind: the registration would be lost")
		return -1, errNotOurs
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.release(g, a, isSet(options, option{unix.SOL_SOCKET, unix.SO_REUSEPORT}))
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

// release frees the slots of this address that the generation closed: it binds again. mu is held.
func (l *Launcher) release(g *generation, a address, shared bool) {
	grp := l.groups[a]
	if grp == nil || shared || !grp.ownedBy(g) {
		return
	}
	held := socketsOf(g.pids())
	for _, s := range grp.slots {
		if s.owner == g && !held[s.inode] {
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

// giveUp leaves the app alone from now on: it runs, but cannot be upgraded hot.
func (l *Launcher) giveUp(why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mode != ModePlain {
		l.mode, l.why = ModePlain, why
		log("not hot capable", "why", why)
		l.touch()
	}
}

// Wait answers as soon as the sequence is greater than after, or when ctx ends.
func (l *Launcher) Wait(ctx context.Context, after int64) LauncherStatus {
	for {
		l.mu.Lock()
		sequence, changed := l.sequence, l.changed
		l.mu.Unlock()
		if sequence > after {
			return l.Status()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return l.Status()
		}
	}
}

// environment turns a command's variables into the form of execve(2).
func environment(variables map[string]string) []string {
	var env []string
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		env = append(env, name+"="+variables[name])
	}
	return env
}

// log writes one event as a line of logfmt-like JSON to standard error.
func log(event string, pairs ...any) {
	line := fmt.Sprintf(`{"component":"launcher","time":%q,"event":%q`, time.Now().UTC().Format(time.RFC3339Nano), event)
	for i := 0; i+1 < len(pairs); i += 2 {
		line += fmt.Sprintf(`,%q:%q`, pairs[i], fmt.Sprint(pairs[i+1]))
	}
	fmt.Fprintln(os.Stderr, line+"}")
}
