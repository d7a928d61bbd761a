package fold

import (
	"context"
	"testing"

	eventv1 "taffrail.dev/proto/gen/event/v1"
)

// TestHubForgets: the tail ends up with the spare once all have taken it, whatever one that is behind does.
func TestHubForgets(t *testing.T) {
	t.Parallel()
	h := newHub()
	h.started, h.complete = true, 10
	quick, slow, behind := &follower{position: 10}, &follower{position: 10}, &follower{position: 5}
	for _, f := range []*follower{quick, slow, behind} {
		f.wake = make(chan struct{}, 1)
		h.join(f)
	}
	var events []*Event
	for i := range uint64(4000) {
		events = append(events, &Event{Event: &eventv1.Event{}, Sequence: i + 11})
	}
	if err := h.add(context.Background(), events, 4010); err != nil {
		t.Fatal(err)
	}
	if got, through, ok := h.take(quick); len(got) != 4000 || through != 4010 || !ok {
		t.Fatalf("took %d through %d, %v", len(got), through, ok)
	}
	if len(h.tail) != 4000 {
		t.Fatalf("%d events are left for the slow", len(h.tail))
	}
	if got, _, ok := h.take(slow); len(got) != 4000 || !ok {
		t.Fatalf("the slow took %d, %v", len(got), ok)
	}
	if len(h.tail) != spareEvents || h.complete != 4010-spareEvents || h.bytes != spareEvents*events[0].size() {
		t.Fatalf("%d events of %d bytes after %d are left", len(h.tail), h.bytes, h.complete)
	}
	if _, _, ok := h.take(behind); ok {
		t.Fatal("one that was behind took what is no longer there")
	}
}
