package fold_test

import (
	"bytes"
	"runtime"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"taffrail.dev/events/fold"
	"taffrail.dev/events/subject"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

// raw is an API object whose decoding is its bytes.
type raw struct{ bytes []byte }

func (r *raw) Unmarshal(b []byte) error  { r.bytes = bytes.Clone(b); return nil }
func (r *raw) SetResourceVersion(string) {}

func eventOf(state []byte) *fold.Event {
	e := eventOn(podNamed("shop", 1), eventv1.What_SPEC_CHANGED, 1)
	e.State = state
	return &fold.Event{Event: e, Stream: subject.State, Sequence: 7}
}

func field(out []byte, number protowire.Number, value string) []byte {
	return protowire.AppendString(protowire.AppendTag(out, number, protowire.BytesType), value)
}

func TestDecodeLeavesManagedFieldsOut(t *testing.T) {
	t.Parallel()
	object := func(managed ...string) []byte {
		metadata := field(nil, 1, "pod-1")
		for _, m := range managed {
			metadata = field(metadata, 17, m)
		}
		return field(field(nil, 1, string(metadata)), 2, "spec")
	}
	for _, state := range [][]byte{object(), object("a"), object("a", "bb")} {
		got, err := fold.Decode[raw](eventOf(state))
		if err != nil {
			t.Fatal(err)
		}
		if want := object(); !bytes.Equal(got.bytes, want) {
			t.Errorf("%q is decoded as %q, not %q", state, got.bytes, want)
		}
	}
}

// FuzzDecode: whatever the state, decoding neither panics nor adds to it.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{})
	f.Add(field(nil, 1, string(field(field(nil, 17, "a"), 1, "name"))))
	f.Add([]byte{0x0a, 0x05, 0x8a, 0x01})
	f.Fuzz(func(t *testing.T, state []byte) {
		got, err := fold.Decode[raw](eventOf(state))
		if err != nil || len(got.bytes) > len(state)+protowire.SizeVarint(uint64(len(state))) {
			t.Fatalf("%q is decoded as %q, %v", state, got, err)
		}
	})
}

// TestDecodedOnceWhileKept: what somebody keeps is what the next is given; an event keeps nothing itself.
func TestDecodedOnceWhileKept(t *testing.T) {
	t.Parallel()
	e := eventOn(podNamed("shop", 1), eventv1.What_SPEC_CHANGED, 1)
	event := &fold.Event{Event: e, Stream: subject.State, Sequence: 7}
	first, err := fold.Decode[pod](event)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fold.Decode[raw](event); err != nil {
		t.Fatal(err)
	}
	second, err := fold.Decode[pod](event)
	if err != nil || first != second {
		t.Fatalf("decoded twice: %p and %p, %v", first, second, err)
	}
	gone := make(chan struct{})
	runtime.AddCleanup(first, func(struct{}) { close(gone) }, struct{}{})
	first, second = nil, nil
	for ended := false; !ended; {
		runtime.GC()
		select {
		case <-gone:
			ended = true
		default:
			runtime.Gosched()
		}
	}
	if third, err := fold.Decode[pod](event); err != nil || third.ResourceVersion != "7" {
		t.Fatalf("decoded again: %+v, %v", third, err)
	}
}
