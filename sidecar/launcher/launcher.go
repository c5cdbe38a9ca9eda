package main

import (
	"errors"
	"fmt"
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

// log writes one event as a line of logfmt-like JSON to standard error.
func log(event string, pairs ...any) {
	line := fmt.Sprintf(`{"component":"launcher","time":%q,"event":%q`, time.Now().UTC().Format(time.RFC3339Nano), event)
	for i := 0; i+1 < len(pairs); i += 2 {
		line += fmt.Sprintf(`,%q:%q`, pairs[i], fmt.Sprint(pairs[i+1]))
	}
	fmt.Fprintln(os.Stderr, line+"}")
}
