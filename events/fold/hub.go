package fold

import (
	"context"
	"slices"
	"sync"
	"time"

	"taffrail.dev/events/subject"
)

const (
	// tailEvents and tailBytes bound the newest events that a hub keeps for its
	// subscribers.
	tailEvents = 8192
	tailBytes  = 16 << 20
	// spareEvents and spareBytes bound those that every subscriber has taken: for one that
	// reads the journal by itself, to come back to.
	spareEvents = 1024
	spareBytes  = 1 << 20
	// patience is how long a hub waits for a subscriber that holds it up, before it
	// leaves the subscriber behind.
	patience = 2 * time.Second
)

// hub has the newest events of one stream. Its reader appends, each subscriber reads
// on from its own position. One that falls out of the tail reads the journal by itself and comes
// back.
type hub struct {
	mu   sync.Mutex
	tail []*Event // in order; bounded
	// dropped is how many older events the tail's array still holds.
	dropped int
	bytes   int
	// complete is the sequence after which the tail has every event: what a
	// subscriber must have to go on from the tail. through is how far the tail goes.
	complete, through uint64
	started           bool
	followers         map[*follower]struct{}
	moved             chan struct{} // closed when a follower read on, nil if nobody waits
}

// follower is a subscriber's place in a hub.
type follower struct {
	position uint64        // everything through it has been taken
	wake     chan struct{} // shared by a subscriber's places; buffer of one
	behind   bool          // out of the tail; does not hold up the hub
}

func newHub() *hub { return &hub{followers: map[*follower]struct{}{}} }

// join adds a place at a position.
func (h *hub) join(f *follower) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f.behind = f.position < h.complete
	h.followers[f] = struct{}{}
}

func (h *hub) leave(f *follower) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.followers, f)
	h.signal()
}

func (h *hub) signal() {
	if h.moved != nil {
		close(h.moved)
		h.moved = nil
	}
}

// add appends events and reports progress; it waits for followers while the tail is
// full, within patience.
func (h *hub) add(ctx context.Context, events []*Event, through uint64) error {
	size := 0
	for _, e := range events {
		size += e.size()
	}
	deadline := time.Now().Add(patience)
	for {
		h.mu.Lock()
		if !h.full(len(events), size) || !h.heldUp(len(events), size) || time.Now().After(deadline) {
			break
		}
		if h.moved == nil {
			h.moved = make(chan struct{})
		}
		moved := h.moved
		h.mu.Unlock()
		timer := time.NewTimer(time.Until(deadline))
		select {
		case <-moved:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		timer.Stop()
	}
	defer h.mu.Unlock()
	h.trim(len(events), size)
	h.tail = append(h.tail, events...)
	h.bytes += size
	h.through = max(h.through, through)
	for f := range h.followers {
		f.behind = f.position < h.complete
		select {
		case f.wake <- struct{}{}:
		default:
		}
	}
	return nil
}

func (h *hub) full(events, size int) bool {
	return len(h.tail) > 0 && (len(h.tail)+events > tailEvents || h.bytes+size > tailBytes)
}

// heldUp says whether trimming would leave a follower behind.
func (h *hub) heldUp(events, size int) bool {
	n := h.excess(events, size)
	if n == 0 {
		return false
	}
	edge := h.tail[n-1].Sequence
	for f := range h.followers {
		if !f.behind && f.position < edge {
			return true
		}
	}
	return false
}

// excess is how many events must go for others to fit.
func (h *hub) excess(events, size int) int {
	n, bytes := 0, h.bytes
	for n < len(h.tail) && (len(h.tail)-n+events > tailEvents || bytes+size > tailBytes) {
		bytes -= h.tail[n].size()
		n++
	}
	return n
}

func (h *hub) trim(events, size int) { h.drop(h.excess(events, size)) }

// forget drops what every follower has taken but the spare.
func (h *hub) forget() {
	taken := h.through
	for f := range h.followers {
		if !f.behind {
			taken = min(taken, f.position)
		}
	}
	n, bytes := 0, h.bytes
	for n < len(h.tail) && h.tail[n].Sequence <= taken && (len(h.tail)-n > spareEvents || bytes > spareBytes) {
		bytes -= h.tail[n].size()
		n++
	}
	h.drop(n)
}

func (h *hub) drop(n int) {
	if n == 0 {
		return
	}
	for _, e := range h.tail[:n] {
		h.bytes -= e.size()
	}
	h.complete = h.tail[n-1].Sequence
	h.tail = h.tail[n:]
	if h.dropped += n; h.dropped*4 > len(h.tail) { // what subscribers have been given cannot be cleared
		h.tail = append(make([]*Event, 0, 2*len(h.tail)), h.tail...)
		h.dropped = 0
	}
}

// take is what the tail has after a follower's position. ok is false if the follower
// is behind it and must read the journal.
func (h *hub) take(f *follower) (events []*Event, through uint64, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if f.position < h.complete || !h.started {
		f.behind = true
		return nil, 0, !h.started && f.position >= h.complete
	}
	f.behind = false
	if f.position >= h.through {
		return nil, f.position, true
	}
	i, _ := slices.BinarySearchFunc(h.tail, f.position+1, func(e *Event, s uint64) int {
		switch {
		case e.Sequence < s:
			return -1
		case e.Sequence > s:
			return 1
		}
		return 0
	})
	events, through = h.tail[i:len(h.tail):len(h.tail)], h.through
	f.position = through
	h.forget()
	h.signal()
	return events, through, true
}

// interest is the resources that a subscriber wants.
type interest map[subject.Resource]struct{}

func (i interest) of(events []*Event) []*Event {
	var out []*Event
	for _, e := range events {
		if e.resource().In(i) {
			out = append(out, e)
		}
	}
	return out
}
