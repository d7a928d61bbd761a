package access

import "sync"

// cache is a bounded map: when its young half is full, that becomes the old half and
// what was old is forgotten. What is asked for again moves back to the young half.
type cache[K comparable, V any] struct {
	mu         sync.RWMutex
	young, old map[K]V
}

// cacheHalf bounds each half, in entries.
const cacheHalf = 4096

func (c *cache[K, V]) get(key K) (V, bool) {
	c.mu.RLock()
	v, ok := c.young[key]
	if ok {
		c.mu.RUnlock()
		return v, true
	}
	v, ok = c.old[key]
	c.mu.RUnlock()
	if ok {
		c.put(key, v)
	}
	return v, ok
}

func (c *cache[K, V]) put(key K, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.young == nil || len(c.young) >= cacheHalf {
		c.old, c.young = c.young, map[K]V{}
	}
	c.young[key] = v
}
