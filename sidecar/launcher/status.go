package main

import (
	"cmp"
	"slices"
)

// Status is what the launcher knows now.
func (l *Launcher) Status() LauncherStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := LauncherStatus{
		Sequence: l.sequence, Mode: l.mode, Reason: l.why, LauncherVersion: version,
		Revision: imageRevision, Base: l.base, Superseded: l.super, Restarts: l.restarts, V: protocolVersion,
	}
	if l.mode == ModePlain {
		no := false
		s.HotCapable = &no
	}
	if l.serving != nil {
		s.Revision, s.Version = l.serving.spec.revision, l.serving.spec.version
	}
	table := processTable()
	for _, g := range l.gens {
		s.Generations = append(s.Generations, l.describe(g, table))
	}
	if u := l.upgrade; u != nil {
		s.Upgrade = u.status()
	}
	c := ownCgroup("/proc/self/cgroup", "/sys/fs/cgroup")
	s.MemoryBytes, s.MemoryLimitBytes = c.used(), c.limit()
	return s
}

// describe is one process generation. mu is held.
func (l *Launcher) describe(g *generation, table []processStat) ProcessGeneration {
	p := ProcessGeneration{
		Number: g.number, State: g.state, Revision: g.spec.revision, Version: g.spec.version,
		SHA256: g.image.sha256, Weight: g.weight, Exit: g.exit,
		StartedAt: float64(g.startAt.UnixMilli()) / 1000,
	}
	if g.alive() {
		p.PID = g.pid
		p.RSSBytes = residentBytes(family(table, g.pid))
	}
	for _, grp := range l.groups {
		for _, s := range grp.slots {
			if s.owner != g || !s.listening {
				continue
			}
			first, last := probePorts(s.number)
			p.Sockets = append(p.Sockets, SocketStatus{
				Address: grp.address.String(), Slot: s.number, ProbePorts: [2]int{first, last}, Queued: queued(s.fd),
			})
		}
	}
	slices.SortFunc(p.Sockets, func(a, b SocketStatus) int {
		return cmp.Or(cmp.Compare(a.Address, b.Address), cmp.Compare(a.Slot, b.Slot))
	})
	return p
}

func (u *upgrade) status() *UpgradeStatus {
	s := &UpgradeStatus{
		ID: u.id, State: u.state, Revision: u.spec.revision, Reason: u.reason, Message: u.message,
		ListenMS: u.listenMS, FlipMS: u.flipMS, RollbackMS: u.rollbackMS,
	}
	if u.new != nil {
		s.Generation = u.new.number
	}
	return s
}
