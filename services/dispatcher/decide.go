package dispatcher

import (
	"google.golang.org/protobuf/proto"

	"taffrail.dev/events/fold"
	"taffrail.dev/events/subject"
	eventv1 "taffrail.dev/proto/gen/event/v1"
	nodev1 "taffrail.dev/proto/gen/node/v1"
)

// told is what ASSIGN holds on a subject.
type told struct {
	// at is the message's sequence on ASSIGN.
	at uint64
	// sequence is the object's, digest that of its state.
	sequence, digest uint64
	removed          bool
}

// decide compares what a node should know of an object with what it was told, and
// returns what to tell it: nil for nothing. cause is the event that gave occasion, may be
// nil.
func decide(a subject.Assignment, want *fold.Event, had told, cause *fold.Event) (*nodev1.Assignment, told) {
	if want == nil {
		return withdraw(a, had, cause)
	}
	next := told{at: had.at, sequence: want.Sequence, digest: digest(a.Object.Resource, want.GetState())}
	live := had.at != 0 && !had.removed
	switch {
	case live && had.sequence == next.sequence,
		live && next.digest != 0 && had.digest == next.digest,
		had.sequence > next.sequence && !had.removed:
		// Known already, nothing the node acts on, or told by someone ahead of this fold.
		return nil, had
	}
	return &nodev1.Assignment{
		Object: want.GetObject(), Sequence: want.Sequence, Correlation: want.Root(),
		Encoding: want.GetEncoding(), State: want.GetState(),
	}, next
}

// withdraw ends an assignment that is held.
func withdraw(a subject.Assignment, had told, cause *fold.Event) (*nodev1.Assignment, told) {
	if had.at == 0 || had.removed {
		return nil, had
	}
	out := &nodev1.Assignment{
		Object: &eventv1.ObjectRef{
			Group: a.Object.Group, Resource: a.Object.Resource.Name, Namespace: a.Object.Namespace, Name: a.Object.Name,
		},
		Sequence: had.sequence, Removed: true,
	}
	if cause != nil {
		out.Correlation = cause.Root()
		if cause.Key() == a.Object {
			out.Object, out.Sequence = cause.GetObject(), cause.Sequence
		}
	}
	return out, told{at: had.at, sequence: out.Sequence, removed: true}
}

// read is what a message of ASSIGN tells.
func read(a subject.Assignment, at uint64, data []byte) (told, error) {
	var m nodev1.Assignment
	if err := proto.Unmarshal(data, &m); err != nil {
		return told{}, err
	}
	return told{at: at, sequence: m.GetSequence(), removed: m.GetRemoved(), digest: digest(a.Object.Resource, m.GetState())}, nil
}
