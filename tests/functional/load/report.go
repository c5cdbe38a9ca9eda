package main

import (
	"slices"
	"time"
)

// Report is what one run saw. Latencies are those of answered requests, in milliseconds.
type Report struct {
	Label    string           `json:"label,omitempty"`
	Requests int64            `json:"requests"`
	Failed   int64            `json:"failed"`
	Errors   map[string]int64 `json:"errors"`
	Versions map[string]int64 `json:"versions"`
	Seconds  float64          `json:"seconds"`
	PerS     float64          `json:"per_s"`
	P50      float64          `json:"p50_ms"`
	P99      float64          `json:"p99_ms"`
	P999     float64          `json:"p999_ms"`
	Max      float64          `json:"max_ms"`
}

// tally is one worker's count; only that worker touches it.
type tally struct {
	failed   int64
	errors   map[string]int64
	versions map[string]int64
	latency  []time.Duration
}

func newTally() *tally {
	return &tally{errors: map[string]int64{}, versions: map[string]int64{}}
}

func (t *tally) add(version string, err error, took time.Duration) {
	if err != nil {
		t.failed++
		t.errors[errorName(err)]++
		return
	}
	t.versions[version]++
	t.latency = append(t.latency, took)
}

func merge(label string, parts []*tally, took time.Duration) Report {
	r := Report{Label: label, Errors: map[string]int64{}, Versions: map[string]int64{}, Seconds: took.Seconds()}
	var latency []time.Duration
	for _, t := range parts {
		r.Failed += t.failed
		for name, n := range t.errors {
			r.Errors[name] += n
		}
		for name, n := range t.versions {
			r.Versions[name] += n
		}
		latency = append(latency, t.latency...)
	}
	slices.Sort(latency)
	r.Requests = int64(len(latency)) + r.Failed
	r.PerS = float64(r.Requests) / took.Seconds()
	r.P50, r.P99, r.P999, r.Max = quantile(latency, 0.5), quantile(latency, 0.99), quantile(latency, 0.999), quantile(latency, 1)
	return r
}

// quantile by the nearest rank; 0 where there is no value. sorted must be sorted.
func quantile(sorted []time.Duration, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	rank := min(int(q*float64(len(sorted))), len(sorted)-1)
	return float64(sorted[rank]) / float64(time.Millisecond)
}
