package matching

import (
	"sync"
	"sync/atomic"

	"taffrail.dev/events/subject"
)

// Cache is what is compiled of objects in the view. Who folds the view marks it as old, the next request that needs
// it compiles what changed. A request takes no lock unless something changed.
type Cache[T any] struct {
	// Build makes what is compiled anew, of what was (nil at first).
	Build func(old *T) *T

	stale atomic.Bool
	now   atomic.Pointer[T]
	mu    sync.Mutex // orders builds
}

// Changed marks what is compiled as old.
func (c *Cache[T]) Changed(subject.Object) { c.stale.Store(true) }

// Now is what is compiled; it is shared and must not be changed.
func (c *Cache[T]) Now() *T {
	if now := c.now.Load(); now != nil && !c.stale.Load() {
		return now
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now.Load(); now != nil && !c.stale.Load() {
		return now
	}
	// A change that comes while this builds is built by the next.
	c.stale.Store(false)
	now := c.Build(c.now.Load())
	c.now.Store(now)
	return now
}

// Peek is what was compiled last, nil for nothing yet.
func (c *Cache[T]) Peek() *T { return c.now.Load() }

// Version names one version of one object.
type Version struct{ UID, ResourceVersion, Name string }
