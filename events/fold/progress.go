package fold

import (
	"container/heap"
	"context"
	"sync"

	"taffrail.dev/events/errs"
	"taffrail.dev/events/subject"
)

// Progress is how far a fold has come, for those who wait for it: whoever folds
// advances it, whoever has written waits for its write. The zero value is at the beginning.
type Progress struct {
	mu      sync.Mutex
	streams map[subject.Stream]*progress
}

type progress struct {
	at      uint64
	waiters waiters
}

// waiter waits for a sequence; it is in a heap by sequence, so that an advance looks only
// at those that it releases.
type waiter struct {
	sequence uint64
	released chan struct{}
	index    int
}

func (p *Progress) of(stream subject.Stream) *progress {
	s := p.streams[stream]
	if s == nil {
		s = &progress{}
		if p.streams == nil {
			p.streams = map[subject.Stream]*progress{}
		}
		p.streams[stream] = s
	}
	return s
}

// Advance says that everything of a stream through a sequence has been folded. It never
// goes back.
func (p *Progress) Advance(stream subject.Stream, through uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.of(stream)
	s.at = max(s.at, through)
	for len(s.waiters) > 0 && s.waiters[0].sequence <= s.at {
		close(heap.Pop(&s.waiters).(*waiter).released)
	}
}

// At is how far a stream has been folded.
func (p *Progress) At(stream subject.Stream) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.of(stream).at
}

// WaitFor waits until a stream has been folded through a sequence; errs.Timeout when ctx
// ends before.
func (p *Progress) WaitFor(ctx context.Context, stream subject.Stream, sequence uint64) error {
	p.mu.Lock()
	s := p.of(stream)
	if s.at >= sequence {
		p.mu.Unlock()
		return nil
	}
	w := &waiter{sequence: sequence, released: make(chan struct{})}
	heap.Push(&s.waiters, w)
	p.mu.Unlock()
	select {
	case <-w.released:
		return nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.index >= 0 {
		heap.Remove(&s.waiters, w.index)
	}
	return errs.F("wait for fold", errs.Timeout, "%s is folded through %d, not yet %d", stream, s.at, sequence)
}

type waiters []*waiter

func (h waiters) Len() int           { return len(h) }
func (h waiters) Less(i, j int) bool { return h[i].sequence < h[j].sequence }

func (h waiters) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *waiters) Push(x any) {
	w := x.(*waiter)
	w.index = len(*h)
	*h = append(*h, w)
}

func (h *waiters) Pop() any {
	last := len(*h) - 1
	w := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	w.index = -1
	return w
}
