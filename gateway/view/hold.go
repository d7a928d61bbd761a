package view

import "sync"

// hoard bounds the memory of what was derived from entries: first made, first dropped.
// Dropping costs only making it again.
type hoard struct {
	limit int
	drop  func(*Entry)

	mu    sync.Mutex // guards all below
	queue []holding
	head  int
	bytes int
}

type holding struct {
	entry *Entry
	bytes int
}

func (h *hoard) hold(e *Entry, bytes int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.queue = append(h.queue, holding{e, bytes})
	h.bytes += bytes
	for h.bytes > h.limit && h.head < len(h.queue) {
		first := h.queue[h.head]
		h.queue[h.head] = holding{}
		h.head++
		h.bytes -= first.bytes
		h.drop(first.entry)
	}
	if h.head > 1024 && h.head*2 > len(h.queue) {
		h.queue = append([]holding(nil), h.queue[h.head:]...)
		h.head = 0
	}
}
