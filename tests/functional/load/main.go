// Command load sends HTTP requests, each over a new connection, and prints one line of JSON.
//
// It is bounded by -requests and by -duration, whichever comes first, and ends early on SIGTERM or
// SIGINT (once -at-least requests were sent), still printing what it counted. A request fails when it is not answered with status 200:
// refused, reset, cut short, timed out. The body's first line is taken for the server's version.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// settings bounds one run.
type settings struct {
	url         string
	concurrency int
	requests    int64
	atLeast     int64
	duration    time.Duration
	timeout     time.Duration
	rate        float64
	keepAlive   bool
	label       string
}

func parse() settings {
	var s settings
	flag.StringVar(&s.url, "url", "", "what to GET")
	flag.IntVar(&s.concurrency, "concurrency", 16, "connections at a time")
	flag.Int64Var(&s.requests, "requests", 1_000_000, "stop after so many requests")
	flag.Int64Var(&s.atLeast, "at-least", 0, "end on a signal only after so many requests")
	flag.DurationVar(&s.duration, "duration", 30*time.Second, "stop after this time")
	flag.DurationVar(&s.timeout, "timeout", 10*time.Second, "of one request")
	flag.Float64Var(&s.rate, "rate", 0, "requests per second in all; 0: as fast as they are answered")
	flag.BoolVar(&s.keepAlive, "keepalive", false, "reuse connections")
	flag.StringVar(&s.label, "label", "", "copied to the report")
	flag.Parse()
	return s
}

func main() {
	s := parse()
	if s.url == "" || s.concurrency < 1 || s.requests < 1 {
		fmt.Fprintln(os.Stderr, "cannot start: -url, and -concurrency and -requests of at least 1, are needed")
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.duration)
	defer cancel()
	asked, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	report := run(ctx, asked, s)
	if err := json.NewEncoder(os.Stdout).Encode(report); err != nil {
		os.Exit(1)
	}
}

// run starts the workers and adds up what they saw. asked ends with ctx, or with a signal.
func run(ctx, asked context.Context, s settings) Report {
	client := newClient(s)
	ctx, end := context.WithCancel(ctx)
	defer end()
	var sent atomic.Int64
	go func() {
		<-asked.Done()
		for sent.Load() < s.atLeast+int64(s.concurrency) && ctx.Err() == nil { // a worker may hold one back
			time.Sleep(10 * time.Millisecond)
		}
		end()
	}()
	started := time.Now()
	parts := make([]*tally, s.concurrency)
	var group sync.WaitGroup
	for i := range parts {
		parts[i] = newTally()
		group.Go(func() { work(ctx, s, client, &sent, started, parts[i]) })
	}
	group.Wait()
	return merge(s.label, parts, time.Since(started))
}

func newClient(s settings) *http.Client {
	dialer := &net.Dialer{Timeout: s.timeout, KeepAlive: -1}
	return &http.Client{
		Timeout: s.timeout,
		Transport: &http.Transport{
			DisableKeepAlives:   !s.keepAlive,
			MaxIdleConnsPerHost: s.concurrency,
			DialContext:         dialer.DialContext,
		},
	}
}

// work sends requests one after the other until the run's bounds are reached. A request that is
// under way when they are is finished and counted: cutting it would look like a failure.
func work(ctx context.Context, s settings, client *http.Client, sent *atomic.Int64, started time.Time, t *tally) {
	for {
		number := sent.Add(1)
		if number > s.requests || ctx.Err() != nil {
			return
		}
		if s.rate > 0 {
			due := started.Add(time.Duration(float64(number) / s.rate * float64(time.Second)))
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Until(due)):
			}
		}
		begin := time.Now()
		version, err := get(client, s.url)
		t.add(version, err, time.Since(begin))
	}
}

func get(client *http.Client, url string) (string, error) {
	answer, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return "", err
	}
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %d", answer.StatusCode)
	}
	line, _, _ := strings.Cut(string(body), "\n")
	return line[:min(len(line), 64)], nil
}

// errorName folds an error into a name of few values: addresses and ports are left out.
func errorName(err error) string {
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, syscall.ECONNRESET):
		return "reset"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "closed"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "no source port"
	}
	text := err.Error()
	if i := strings.LastIndex(text, ": "); i >= 0 {
		text = text[i+2:]
	}
	return text
}
