package main

import (
	"slices"
	"testing"
)

func TestAppGetsTheEnvironmentThatThePodSays(t *testing.T) {
	for name, c := range map[string]struct{ own, over, want []string }{
		"the launcher's settings are not the app's": {
			[]string{"A=1", "HOTUPGRADE_SOCKET=/s", "HOTUPGRADE_ARTIFACT=/app"}, nil, []string{"A=1", "HOTUPGRADE_ARTIFACT=/app"}},
		"a command's variable comes in place of the pod's": {
			[]string{"A=1", "B=2", "HOTUPGRADE_ARTIFACT=/app"}, []string{"HOTUPGRADE_ARTIFACT=/v2", "A=3"}, []string{"B=2", "HOTUPGRADE_ARTIFACT=/v2", "A=3"}},
		"GOMAXPROCS is the app's own": {
			[]string{"GOMAXPROCS=1", "HOTUPGRADE_APP_GOMAXPROCS==8"}, nil, []string{"GOMAXPROCS=8"}},
		"no GOMAXPROCS where the pod has none": {
			[]string{"GOMAXPROCS=1", "HOTUPGRADE_APP_GOMAXPROCS="}, nil, nil},
		"an empty value stays": {
			[]string{"GOMAXPROCS=1", "HOTUPGRADE_APP_GOMAXPROCS==", "E="}, nil, []string{"E=", "GOMAXPROCS="}},
	} {
		if got := appEnvironment(c.own, c.over); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
