package main

import "time"

// Back-off of a crashed app, as the kubelet does it (CrashLoopBackOff): the first restart is at once,
// then 10 s doubling to 5 min; 10 min without a crash forgets.
const (
	backoffFirst = 10 * time.Second
	backoffMost  = 5 * time.Minute
	backoffReset = 10 * time.Minute
)

type backoff struct{ crashes int }

// next is how long to wait before the app, which ran for so long, is started again.
func (b *backoff) next(ran time.Duration) time.Duration {
	if ran >= backoffReset {
		b.crashes = 0
	}
	b.crashes++
	if b.crashes == 1 {
		return 0
	}
	return min(backoffFirst<<min(b.crashes-2, 10), backoffMost)
}
