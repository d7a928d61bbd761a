// Package lock has locks by name.
package lock

import "sync"

// ByName are locks by name; the zero value has none that is taken.
type ByName struct {
	mu    sync.Mutex // guards locks
	locks map[string]*counted
}

type counted struct {
	sync.Mutex
	users int
}

// Lock takes the name's lock; the result gives it back.
func (k *ByName) Lock(name string) func() {
	k.mu.Lock()
	if k.locks == nil {
		k.locks = map[string]*counted{}
	}
	l := k.locks[name]
	if l == nil {
		l = &counted{}
		k.locks[name] = l
	}
	l.users++
	k.mu.Unlock()
	l.Lock()
	return func() {
		l.Unlock()
		k.mu.Lock()
		defer k.mu.Unlock()
		if l.users--; l.users == 0 {
			delete(k.locks, name)
		}
	}
}
