package view

import (
	"context"
	"sync"
	"sync/atomic"

	"taffrail.dev/events/journal"
)

// barrier asks the journal for its last sequence on behalf of many readers at once. A reader joins the
// round that has not begun yet, so that what it learns is at least what was acknowledged before it asked.
type barrier struct {
	kick  chan struct{}
	known atomic.Uint64

	mu   sync.Mutex // guards next
	next *round
}

type round struct {
	done chan struct{}
	last uint64
	err  error
}

func (b *barrier) last(ctx context.Context) (uint64, error) {
	b.mu.Lock()
	r := b.next
	if r == nil {
		r = &round{done: make(chan struct{})}
		b.next = r
		select {
		case b.kick <- struct{}{}:
		default:
		}
	}
	b.mu.Unlock()
	select {
	case <-r.done:
		return r.last, r.err
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

func (b *barrier) run(ctx context.Context, reader journal.Reader) error {
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-b.kick:
		}
		b.mu.Lock()
		r := b.next
		b.next = nil
		b.mu.Unlock()
		if r == nil {
			continue
		}
		if r.last, r.err = reader.Last(ctx); r.err == nil {
			b.known.Store(r.last)
		}
		close(r.done)
	}
}
