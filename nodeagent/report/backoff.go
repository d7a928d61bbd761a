package report

import "time"

// The waits between attempts to reach the gateway.
const (
	shortestWait = 200 * time.Millisecond
	longestWait  = 10 * time.Second
)

// backoff doubles the wait after each failure.
type backoff struct{ wait time.Duration }

func (b *backoff) next() time.Duration {
	b.wait = min(max(2*b.wait, shortestWait), longestWait)
	return b.wait
}
