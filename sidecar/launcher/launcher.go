package main

import (
	"os"
	"slices"
	"sync"
	"time"
)

// Launcher owns the sockets and the process generations. mu guards every field below it.
type Launcher struct {
	config config
	exit   chan int   // the code to exit with, once
	starts sync.Mutex // held while a start command is carried out; before mu

	mu       sync.Mutex
	traps    bool // the app's calls are trapped, whatever mode came of it
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

	orphansUntil time.Time // queues are looked at often until then
	wake         chan struct{}
	hangups      hangups
	resting      *time.Timer
}

const keepExited = 4

var selfPID = os.Getpid()

func newLauncher(c config) *Launcher {
	return &Launcher{
		config: c, exit: make(chan int, 1), changed: make(chan struct{}), groups: map[address]*group{},
		wake: make(chan struct{}, 1), resting: time.AfterFunc(restAfter, rest),
	}
}

// touch tells everybody who waits that something changed. mu is held.
func (l *Launcher) touch() {
	l.sequence++
	close(l.changed)
	l.changed = make(chan struct{})
	l.resting.Reset(restAfter)
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
	s, err := spawn(img, l.traps)
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
		if err := serveNotifications(listener, g, l); err != nil {
			log("cannot answer the app's calls", "generation", g.number, "error", err.Error())
		}
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if g.alive() {
		g.state = ProcessServing // nothing tells us when it listens
	}
	l.touch()
}

// Wait answers as soon as the sequence is greater than after, or when the time is up.
func (l *Launcher) Wait(after int64, most time.Duration) LauncherStatus {
	end := time.NewTimer(most)
	defer end.Stop()
	for {
		l.mu.Lock()
		sequence, changed := l.sequence, l.changed
		l.mu.Unlock()
		if sequence > after {
			return l.Status()
		}
		select {
		case <-changed:
		case <-end.C:
			return l.Status()
		}
	}
}
