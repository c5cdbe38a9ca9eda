package main

import (
	"errors"
	"syscall"
	"testing"
	"time"
)

func TestMergeAddsUpWhatTheWorkersSaw(t *testing.T) {
	a, b := newTally(), newTally()
	a.add("v1", nil, time.Millisecond)
	b.add("v2", nil, 3*time.Millisecond)
	b.add("", syscall.ECONNREFUSED, 0)
	r := merge("x", []*tally{a, b}, time.Second)
	if r.Requests != 3 || r.Failed != 1 || r.Errors["refused"] != 1 || r.Versions["v1"] != 1 || r.Max != 3 {
		t.Fatalf("got %+v", r)
	}
}

func TestQuantileOfNothingIsZero(t *testing.T) {
	if got := quantile(nil, 0.99); got != 0 {
		t.Fatalf("got %v", got)
	}
}

func TestErrorNameLeavesAddressesOut(t *testing.T) {
	if got := errorName(errors.New("dial tcp 1.2.3.4:5: odd thing")); got != "odd thing" {
		t.Fatalf("got %q", got)
	}
}
