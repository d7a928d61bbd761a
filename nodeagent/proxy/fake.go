package proxy

import (
	"context"
	"sync"
)

// Fake is a dataplane that remembers. The zero value is ready; it is safe for concurrent use.
type Fake struct {
	mu      sync.Mutex
	servers map[Frontend]Server
	// Fail, when set, is what every Update returns.
	Fail error
}

var _ Dataplane = (*Fake)(nil)

// Open implements Dataplane.
func (f *Fake) Open(ctx context.Context) error { return ctx.Err() }

// Update implements Dataplane.
func (f *Fake) Update(_ context.Context, servers []Server) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.Fail != nil {
		return f.Fail
	}
	if f.servers == nil {
		f.servers = map[Frontend]Server{}
	}
	for _, s := range servers {
		f.servers[s.Frontend] = s
	}
	return nil
}

// Delete implements Dataplane.
func (f *Fake) Delete(_ context.Context, frontends []Frontend) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, frontend := range frontends {
		delete(f.servers, frontend)
	}
	return nil
}

// Prune implements Dataplane.
func (f *Fake) Prune(_ context.Context, keep func(Frontend) bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for frontend := range f.servers {
		if !keep(frontend) {
			delete(f.servers, frontend)
		}
	}
	return nil
}

// Close implements Dataplane.
func (f *Fake) Close() error { return nil }

// Cleanup implements Dataplane.
func (f *Fake) Cleanup(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.servers = nil
	return nil
}

// Served is the server of a frontend.
func (f *Fake) Served(frontend Frontend) (Server, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, ok := f.servers[frontend]
	return s, ok
}

// SetFail sets Fail while others call.
func (f *Fake) SetFail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Fail = err
}
