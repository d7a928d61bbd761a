package view

import (
	"context"
	"sync"
	"time"
)

// hoard bounds the memory of what was derived from entries. What was made longer ago is dropped first, what
// was made more than two ages ago in any case, and what was derived of an object as it was before with its
// change. Dropping costs only making it again.
type hoard struct {
	limit int
	drop  func(*Entry)

	mu         sync.Mutex // guards all below
	young, old generation
}

// generation is what was made within some time, with its size.
type generation struct {
	held  map[*Entry]int
	bytes int
}

func (g *generation) remove(e *Entry) {
	g.bytes -= g.held[e]
	delete(g.held, e)
}

func (h *hoard) hold(e *Entry, bytes int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.young.remove(e)
	if h.young.bytes+bytes > h.limit/2 {
		h.turn()
	}
	if h.young.held == nil {
		h.young.held = map[*Entry]int{}
	}
	h.young.held[e] = bytes
	h.young.bytes += bytes
}

// release drops what was derived of an entry.
func (h *hoard) release(e *Entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.young.remove(e)
	h.old.remove(e)
	h.drop(e)
}

// turn begins a generation and drops the one before the last.
func (h *hoard) turn() {
	for e := range h.old.held {
		if _, again := h.young.held[e]; !again {
			h.drop(e)
		}
	}
	h.old, h.young = h.young, generation{}
}

func (h *hoard) age() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.turn()
}

// runAges has the hoards age until ctx ends.
func runAges(ctx context.Context, every time.Duration, hoards ...*hoard) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
			for _, h := range hoards {
				h.age()
			}
		}
	}
}
