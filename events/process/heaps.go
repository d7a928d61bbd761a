package process

import "taffrail.dev/events/subject"

// keyHeap orders waiting keys: by the controller's order, then by their waking.
type keyHeap struct {
	keys   []*key
	before func(a, b subject.Object) bool
}

func (h *keyHeap) Len() int { return len(h.keys) }

func (h *keyHeap) Less(i, j int) bool {
	a, b := h.keys[i], h.keys[j]
	if h.before != nil {
		if h.before(a.object, b.object) {
			return true
		}
		if h.before(b.object, a.object) {
			return false
		}
	}
	return a.order < b.order
}

func (h *keyHeap) Swap(i, j int) { h.keys[i], h.keys[j] = h.keys[j], h.keys[i] }
func (h *keyHeap) Push(x any)    { h.keys = append(h.keys, x.(*key)) }

func (h *keyHeap) Pop() any {
	last := len(h.keys) - 1
	k := h.keys[last]
	h.keys[last] = nil
	h.keys = h.keys[:last]
	return k
}

// timerHeap orders keys by their time.
type timerHeap []*key

func (h timerHeap) Len() int           { return len(h) }
func (h timerHeap) Less(i, j int) bool { return h[i].timers.at.Before(h[j].timers.at) }

func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].timers.index, h[j].timers.index = i, j
}

func (h *timerHeap) Push(x any) {
	k := x.(*key)
	k.timers.index = len(*h)
	*h = append(*h, k)
}

func (h *timerHeap) Pop() any {
	last := len(*h) - 1
	k := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	k.timers.index = -1
	return k
}
