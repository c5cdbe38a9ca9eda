package main

import "time"

// The states of one upgrade and what may happen in each. Pure: a method is named for an event and
// returns the state after it, or an error and no change. Events that came too late (a timer, an exit)
// are not errors: they change nothing.

func (u UpgradeState) final() bool { return u == UpgradePromoted || u == UpgradeRolledBack }

// listens: the new process generation listens wherever the serving one does.
func (u UpgradeState) listens() UpgradeState {
	if u == UpgradeStarting {
		return UpgradeListening
	}
	return u
}

// weighted: the new one is to get this share of new connections.
func (u UpgradeState) weighted(weight int) (UpgradeState, *LauncherError) {
	switch u {
	case UpgradeListening, UpgradeShifted, UpgradeFlipped:
	case UpgradeStarting:
		return u, refusal(CodeConflict, "cannot set the weight: the new process does not listen yet")
	default:
		return u, refusal(CodeConflict, "cannot set the weight: the upgrade is over (%s)", u)
	}
	switch weight {
	case 0:
		return UpgradeListening, nil
	case 100:
		return UpgradeFlipped, nil
	default:
		return UpgradeShifted, nil
	}
}

// promoted: the old one is no longer needed. Again is not an error.
func (u UpgradeState) promoted() (UpgradeState, *LauncherError) {
	switch u {
	case UpgradeStarting:
		return u, refusal(CodeConflict, "cannot promote: the new process does not listen yet")
	case UpgradeRolledBack:
		return u, refusal(CodeConflict, "cannot promote: the upgrade was rolled back")
	}
	return UpgradePromoted, nil
}

// takenBack: the new one failed, or somebody asked. Again is not an error.
func (u UpgradeState) takenBack() (UpgradeState, *LauncherError) {
	if u == UpgradePromoted {
		return u, refusal(CodeConflict, "cannot roll back: the upgrade was promoted, and the old process was told to stop")
	}
	return UpgradeRolledBack, nil
}

// upgrade is the one that is under way, or the last one.
type upgrade struct {
	id          string
	state       UpgradeState
	old         *generation
	new         *generation
	spec        runSpec
	began       time.Time
	autoPromote bool
	oomKills    int64 // of the container's cgroup when it began
	reason      TakenBack
	message     string
	listenMS    float64
	flipMS      float64
	rollbackMS  float64
}

func (u *upgrade) underWay() bool { return u != nil && !u.state.final() }

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
