package main

import (
	"errors"
	"fmt"
	"time"
)

const imageRevision = "image" // the pseudo-revision: what the image itself holds

// Do carries out one command of an agent or a person.
func (l *Launcher) Do(c Command) *LauncherError {
	switch c.Command {
	case "start":
		return l.begins(c)
	case "weight":
		return l.onUpgrade(c, func(u *upgrade) *LauncherError { return l.setWeight(u, *c.Weight) })
	case "promote":
		return l.onUpgrade(c, l.promote)
	case "rollback":
		return l.onUpgrade(c, func(u *upgrade) *LauncherError {
			reason := c.Reason
			if reason == "" {
				reason = TakenBackRequested
			}
			if _, err := u.state.takenBack(); err != nil || u.state.final() {
				return err
			}
			l.takeBack(reason, c.Message, time.Now())
			return nil
		})
	}
	return nil // status and wait are answered by the status alone
}

func (l *Launcher) onUpgrade(c Command, act func(*upgrade) *LauncherError) *LauncherError {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.upgrade == nil || l.upgrade.id != c.Upgrade {
		return refusal(CodeNotFound, "cannot %s: there is no upgrade %q here", c.Command, c.Upgrade)
	}
	defer l.touch()
	return act(l.upgrade)
}

// begins starts a new process generation at weight 0. The same id again changes nothing.
func (l *Launcher) begins(c Command) *LauncherError {
	l.starts.Lock() // one start at a time, while the file is hashed without mu
	defer l.starts.Unlock()
	if again, err := l.mayBegin(c.Upgrade); again || err != nil {
		return err
	}
	spec := l.ownSpec()
	spec.handoff = spec.handoff.over(c.Handoff)
	spec.version, spec.env = c.Version, environment(c.Env)
	if err := spec.handoff.check(); err != nil {
		return refusal(CodeInvalid, "%s", err.Error())
	}
	if c.Program != nil {
		spec.program, spec.revision = c.Program, c.Revision
		l.learnBase(c.Program.Replaces)
	}
	began := time.Now()
	img, err := spec.resolve()
	defer closeFile(img.file)
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.touch()
	u := &upgrade{id: c.Upgrade, state: UpgradeStarting, old: l.serving, began: began, autoPromote: c.AutoPromote, spec: spec, oomKills: containerCgroup().oomKills()}
	l.upgrade = u
	if err == nil {
		u.new, err = l.launch(spec, img, 0)
	}
	if err != nil {
		u.state, u.reason, u.message = UpgradeRolledBack, TakenBackStartFailed, err.Error()
		if errors.Is(err, errVerification) {
			u.reason = TakenBackVerificationFailed
		}
		log("refused", "upgrade", u.id, "reason", u.reason, "error", u.message)
		return nil
	}
	time.AfterFunc(spec.handoff.ready, func() { l.tooLate(u) })
	go l.watchMemory(u)
	return nil
}

func (l *Launcher) mayBegin(id string) (again bool, refused *LauncherError) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.upgrade != nil && l.upgrade.id == id:
		return true, nil
	case l.mode != ModeTransparent:
		return false, refusal(CodeUnsupported, "cannot upgrade hot: %s", l.why)
	case l.upgrade.underWay():
		return false, refusal(CodeBusy, "cannot start %q: upgrade %q is under way; promote or rollback ends it", id, l.upgrade.id)
	case l.stopping || l.serving == nil:
		return false, refusal(CodeConflict, "cannot start %q: the launcher is starting or stopping", id)
	}
	return false, nil
}

// tooLate takes an upgrade back whose process does not listen in time.
func (l *Launcher) tooLate(u *upgrade) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if u.state != UpgradeStarting {
		return
	}
	l.takeBack(TakenBackNotReady, fmt.Sprintf("the new process did not listen on %s within %v", l.missing(u), u.spec.handoff.ready), time.Now())
	l.touch()
}

// missing names an address that the old process serves and the new one does not. mu is held.
func (l *Launcher) missing(u *upgrade) string {
	for _, grp := range l.groups {
		has := false
		for _, s := range grp.slots {
			has = has || s.owner == u.new && s.listening
		}
		if !has {
			return grp.address.String()
		}
	}
	return "any address"
}

// setWeight gives the new process this share of new connections. mu is held.
func (l *Launcher) setWeight(u *upgrade, weight int) *LauncherError {
	began := time.Now()
	state, refused := u.state.weighted(weight)
	if refused != nil {
		return refused
	}
	before := [2]int{u.new.weight, u.old.weight}
	u.new.weight, u.old.weight = weight, 100-weight
	if err := l.steer(); err != nil {
		u.new.weight, u.old.weight = before[0], before[1]
		return refusal(CodeConflict, "cannot set the weight: %s", err.Error())
	}
	flipped := state == UpgradeFlipped && u.state != UpgradeFlipped
	u.state = state
	u.settle(ProcessWarm)
	l.serving = u.old
	if state == UpgradeFlipped {
		l.serving = u.new
	}
	if flipped {
		u.flipMS = milliseconds(time.Since(began))
		log("flipped", "upgrade", u.id, "generation", u.new.number, "ms", u.flipMS)
		if u.autoPromote {
			time.AfterFunc(u.spec.handoff.window, func() { l.windowEnded(u) })
		}
	}
	return nil
}

// settle names the states of both processes by their weights; idle is what the old one is without.
func (u *upgrade) settle(idle ProcessState) {
	for _, g := range []*generation{u.old, u.new} {
		switch {
		case !g.alive():
		case g.weight > 0:
			g.state = ProcessServing
		case g == u.new:
			g.state = ProcessListening
		default:
			g.state = idle
		}
	}
}

// windowEnded promotes by itself an upgrade that was flipped for long enough.
func (l *Launcher) windowEnded(u *upgrade) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if u.state == UpgradeFlipped {
		_ = l.promote(u)
		l.touch()
	}
}

// promote ends the upgrade: the old process is drained and told to stop. mu is held.
func (l *Launcher) promote(u *upgrade) *LauncherError {
	if u.state == UpgradePromoted {
		return nil
	}
	if _, refused := u.state.promoted(); refused != nil {
		return refused
	}
	if u.state != UpgradeFlipped {
		if refused := l.setWeight(u, 100); refused != nil {
			return refused
		}
	}
	u.state, _ = u.state.promoted()
	l.super = ""
	log("promoted", "upgrade", u.id, "generation", u.new.number)
	if u.old.alive() {
		go l.drain(u.old, u.spec.handoff)
	}
	return nil
}

// takeBack gives the old process all new connections again, then stops the new one. mu is held.
func (l *Launcher) takeBack(reason TakenBack, message string, began time.Time) {
	u := l.upgrade
	u.state, u.reason, u.message = UpgradeRolledBack, reason, message
	had := u.new.weight > 0
	u.old.weight, u.new.weight = 100, 0
	l.serving = u.old
	if err := l.steer(); err != nil {
		log("cannot steer", "error", err.Error())
	}
	u.rollbackMS = milliseconds(time.Since(began))
	log("taken back", "upgrade", u.id, "reason", reason, "message", message, "ms", u.rollbackMS)
	u.settle(ProcessServing)
	if !u.old.alive() { // it ended while it was warm
		old := u.old
		go l.restart(old)
	}
	switch {
	case !u.new.alive():
	case reason == TakenBackOutOfMemory:
		u.new.state = ProcessDraining
		u.new.kill(message)
	case had:
		go l.drain(u.new, u.spec.handoff)
	default:
		go l.drain(u.new, handoff{drain: u.spec.handoff.drain, stop: u.spec.handoff.stop})
	}
}
