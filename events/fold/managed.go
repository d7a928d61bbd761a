package fold

import (
	"google.golang.org/protobuf/encoding/protowire"

	eventv1 "taffrail.dev/proto/gen/event/v1"
)

// Field numbers shared by every Kubernetes API object: metadata is field 1 of the object; within it
// managedFields are 17.
const (
	fieldMetadata      = 1
	fieldManagedFields = 17
)

// Bare is the event as far as its object goes, for whoever keeps it: without who changed what and why, and
// without managedFields.
func (e *Event) Bare() *Event {
	return &Event{Stream: e.Stream, Sequence: e.Sequence, Event: &eventv1.Event{
		Object: e.GetObject(), What: e.GetWhat(), Correlation: e.GetCorrelation(), Encoding: e.GetEncoding(), State: e.unmanaged(),
	}}
}

func (e *Event) unmanaged() []byte {
	if e.GetEncoding() == eventv1.Encoding_ENCODING_JSON {
		return e.GetState()
	}
	return unmanaged(e.GetState())
}

// unmanaged is an object's protobuf without its managedFields; the state itself if it has none, or is no protobuf.
func unmanaged(state []byte) []byte {
	number, kind, n := protowire.ConsumeTag(state)
	if n < 0 || number != fieldMetadata || kind != protowire.BytesType { // encoders put it first
		return state
	}
	metadata, m := protowire.ConsumeBytes(state[n:])
	if m < 0 {
		return state
	}
	first, last := managed(metadata)
	if first == last {
		return state
	}
	out := make([]byte, 0, len(state)-(last-first))
	out = protowire.AppendTag(out, fieldMetadata, protowire.BytesType)
	out = protowire.AppendVarint(out, uint64(len(metadata)-(last-first)))
	out = append(out, metadata[:first]...)
	out = append(out, metadata[last:]...)
	return append(out, state[n+m:]...)
}

// managed is from where to where a metadata message has the first run of managedFields: all of them, as encoders
// keep what repeats together.
func managed(metadata []byte) (first, last int) {
	for at := 0; at < len(metadata); {
		number, kind, n := protowire.ConsumeTag(metadata[at:])
		if n < 0 {
			return 0, 0
		}
		m := protowire.ConsumeFieldValue(number, kind, metadata[at+n:])
		if m < 0 {
			return 0, 0
		}
		switch {
		case number == fieldManagedFields && last == 0:
			first, last = at, at+n+m
		case number == fieldManagedFields && last == at:
			last = at + n + m
		}
		at += n + m
	}
	return first, last
}
