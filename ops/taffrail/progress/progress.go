// Package progress tells a waiting person what is waited for and how long it took.
package progress

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Log writes one line a step: what was waited for, and how long it took.
type Log struct {
	mu    sync.Mutex
	w     io.Writer
	begun time.Time
	now   func() time.Time
}

// New writes to w; nil now is the wall clock.
func New(w io.Writer, now func() time.Time) *Log {
	if now == nil {
		now = time.Now
	}
	return &Log{w: w, begun: now(), now: now}
}

// Done says that a step is done.
func (l *Log) Done(step string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.w, "  %-28s %6.2fs\n", step, l.now().Sub(l.begun).Seconds())
}
