package main

import "testing"

func TestUpgradeEventsInEveryState(t *testing.T) {
	const refused = UpgradeState("")
	weighted := func(weight int) func(UpgradeState) UpgradeState {
		return func(u UpgradeState) UpgradeState {
			after, err := u.weighted(weight)
			if err != nil {
				return refused
			}
			return after
		}
	}
	events := map[string]func(UpgradeState) UpgradeState{
		"listens": UpgradeState.listens, "0": weighted(0), "50": weighted(50), "100": weighted(100),
		"promote": func(u UpgradeState) UpgradeState {
			after, err := u.promoted()
			if err != nil {
				return refused
			}
			return after
		},
		"back": func(u UpgradeState) UpgradeState {
			after, err := u.takenBack()
			if err != nil {
				return refused
			}
			return after
		},
	}
	for _, c := range []struct {
		from UpgradeState
		want map[string]UpgradeState
	}{
		{UpgradeStarting, map[string]UpgradeState{"listens": UpgradeListening, "0": refused, "50": refused, "100": refused, "promote": refused, "back": UpgradeRolledBack}},
		{UpgradeListening, map[string]UpgradeState{"listens": UpgradeListening, "0": UpgradeListening, "50": UpgradeShifted, "100": UpgradeFlipped, "promote": UpgradePromoted, "back": UpgradeRolledBack}},
		{UpgradeShifted, map[string]UpgradeState{"listens": UpgradeShifted, "0": UpgradeListening, "50": UpgradeShifted, "100": UpgradeFlipped, "promote": UpgradePromoted, "back": UpgradeRolledBack}},
		{UpgradeFlipped, map[string]UpgradeState{"listens": UpgradeFlipped, "0": UpgradeListening, "50": UpgradeShifted, "100": UpgradeFlipped, "promote": UpgradePromoted, "back": UpgradeRolledBack}},
		{UpgradePromoted, map[string]UpgradeState{"listens": UpgradePromoted, "0": refused, "50": refused, "100": refused, "promote": UpgradePromoted, "back": refused}},
		{UpgradeRolledBack, map[string]UpgradeState{"listens": UpgradeRolledBack, "0": refused, "50": refused, "100": refused, "promote": refused, "back": UpgradeRolledBack}},
	} {
		for name, want := range c.want {
			if got := events[name](c.from); got != want {
				t.Errorf("%s in state %s: %q, want %q", name, c.from, got, want)
			}
		}
	}
}
