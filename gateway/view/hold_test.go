package view

import "testing"

func TestHoard(t *testing.T) {
	t.Parallel()
	h := hoard{limit: 100, drop: func(e *Entry) { e.text.Store(nil) }}
	make := func(bytes int) *Entry {
		e := &Entry{}
		e.text.Store(&[]byte{})
		h.hold(e, bytes)
		return e
	}
	has := func(what string, e *Entry, want bool) {
		t.Helper()
		if got := e.text.Load() != nil; got != want {
			t.Errorf("%s is kept: %v", what, got)
		}
	}
	first, second := make(30), make(20)
	third := make(40)
	has("the first, within the limit", first, true)
	fourth := make(20)
	has("the first, after the limit", first, false)
	has("the second", second, false)
	has("the third", third, true)
	h.hold(third, 10) // made again
	h.age()
	has("what was made again", third, true)
	has("the fourth", fourth, true)
	h.release(third)
	has("what was released", third, false)
	if h.old.bytes != 20 || h.young.bytes != 0 {
		t.Errorf("%d and %d bytes are held, not 20 and none", h.old.bytes, h.young.bytes)
	}
	h.age()
	has("the fourth, two ages later", fourth, false)
	if h.old.bytes != 0 || len(h.old.held) != 0 {
		t.Errorf("%d bytes are held of nothing", h.old.bytes)
	}
}
