package main

import (
	"testing"
	"time"
)

func TestBackoffIsTheKubelets(t *testing.T) {
	var b backoff
	for i, want := range []time.Duration{0, 10 * time.Second, 20 * time.Second, 40 * time.Second, 80 * time.Second, 160 * time.Second, 5 * time.Minute, 5 * time.Minute} {
		if got := b.next(time.Second); got != want {
			t.Errorf("crash %d waits %v, want %v", i+1, got, want)
		}
	}
	if got := b.next(backoffReset); got != 0 {
		t.Errorf("after a good run it waits %v, want 0", got)
	}
}
