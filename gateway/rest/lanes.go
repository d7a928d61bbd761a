package rest

import (
	"context"
	"sync"
)

// lanes let calls that contend for one thing pass one after the other. A lane lives as long as somebody is in it.
type lanes struct {
	mu   sync.Mutex // guards open and its users
	open map[string]*lane
}

type lane struct {
	turn chan struct{}
	// users are in the lane or wait for it.
	users int
}

// enter waits for a lane until ctx ends; done leaves it.
func (l *lanes) enter(ctx context.Context, name string) (done func(), err error) {
	l.mu.Lock()
	in := l.open[name]
	if in == nil {
		if l.open == nil {
			l.open = map[string]*lane{}
		}
		in = &lane{turn: make(chan struct{}, 1)}
		l.open[name] = in
	}
	in.users++
	l.mu.Unlock()
	select {
	case in.turn <- struct{}{}:
		return func() { <-in.turn; l.leave(name, in) }, nil
	case <-ctx.Done():
		l.leave(name, in)
		return nil, context.Cause(ctx)
	}
}

func (l *lanes) leave(name string, in *lane) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if in.users--; in.users == 0 {
		delete(l.open, name)
	}
}
