package matching

import (
	"sync"
	"sync/atomic"

	"taffrail.dev/events/subject"
)

// Cache is what is compiled of objects in the view. Who folds the view counts the changes, the next request that needs
// it compiles what changed. A request takes no lock unless something changed.
type Cache[T any] struct {
	// Build makes what is compiled anew, of what was (nil at first).
	Build func(old *T) *T

	changes atomic.Uint64
	now     atomic.Pointer[built[T]]
	mu      sync.Mutex // orders builds
}

// built is what was compiled when so many changes had been made, or a little later.
type built[T any] struct {
	value   *T
	changes uint64
}

// Changed counts a change, which every later Now sees.
func (c *Cache[T]) Changed(subject.Object) { c.changes.Add(1) }

// Now is what is compiled; it is shared and must not be changed.
func (c *Cache[T]) Now() *T {
	if now := c.now.Load(); now != nil && now.changes == c.changes.Load() {
		return now.value
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	changes, old := c.changes.Load(), c.now.Load()
	if old != nil && old.changes == changes {
		return old.value
	}
	now := &built[T]{c.Build(c.Peek()), changes}
	c.now.Store(now)
	return now.value
}

// Peek is what was compiled last, nil for nothing yet.
func (c *Cache[T]) Peek() *T {
	if now := c.now.Load(); now != nil {
		return now.value
	}
	return nil
}

// Version names one version of one object.
type Version struct{ UID, ResourceVersion, Name string }
