package pod

import "time"

const (
	firstDelay  = 10 * time.Second
	longest     = 5 * time.Minute
	forgetAfter = 10 * time.Minute
)

// backoff delays what failed, longer each time.
type backoff struct {
	delay time.Duration
	until time.Time
	err   string
}

// fail starts the next, longer wait: first, then twice the last, up to most.
func (b *backoff) fail(now time.Time, first, most time.Duration) {
	if b.delay == 0 {
		b.delay = first
	} else {
		b.delay = min(2*b.delay, most)
	}
	b.until = now.Add(b.delay)
}

func (b *backoff) waits(now time.Time) bool { return now.Before(b.until) }

// crashed is the end of an attempt that ran for a time: the first restart is at once, the next after
// 10 s, then twice as long each, forgotten after ten good minutes.
func (b *backoff) crashed(ran time.Duration, at time.Time) {
	if ran >= forgetAfter {
		*b = backoff{}
	}
	b.until = at.Add(b.delay)
	if b.delay == 0 {
		b.until = time.Time{}
	}
}

// restarted is called when an attempt begins.
func (b *backoff) restarted() {
	if b.delay == 0 {
		b.delay = firstDelay
		return
	}
	b.delay = min(2*b.delay, longest)
}
