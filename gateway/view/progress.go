package view

import (
	"context"
	"sync"
)

// progress is how far a stream is folded, and who waits for more of it.
type progress struct {
	mu      sync.Mutex // guards all below
	through uint64
	waiting map[chan struct{}]uint64
}

func (p *progress) reached() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.through
}

func (p *progress) advance(through uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if through <= p.through {
		return
	}
	p.through = through
	for done, sequence := range p.waiting {
		if sequence <= through {
			close(done)
			delete(p.waiting, done)
		}
	}
}

func (p *progress) wait(ctx context.Context, sequence uint64) error {
	p.mu.Lock()
	if p.through >= sequence {
		p.mu.Unlock()
		return nil
	}
	if p.waiting == nil {
		p.waiting = map[chan struct{}]uint64{}
	}
	done := make(chan struct{})
	p.waiting[done] = sequence
	p.mu.Unlock()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		p.mu.Lock()
		delete(p.waiting, done)
		p.mu.Unlock()
		return context.Cause(ctx)
	}
}
