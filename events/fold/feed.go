package fold

import (
	"context"

	"taffrail.dev/events/subject"
)

// Position is how far a fold has come, per stream.
type Position map[subject.Stream]uint64

// Batch is a piece of the feed: events in order, and how far it now is.
type Batch struct {
	Events []*Event
	// Through is, for the batch's stream, the sequence up to which nothing is
	// missing.
	Stream  subject.Stream
	Through uint64
	// Ready is set once the subscriber has everything that the streams held when the
	// feed began, and stays set.
	Ready bool
}

// Source hands a subscriber the events of some resources, from the beginning (by
// snapshot and tail), in the order of their stream, each once. fn runs on one goroutine; Follow
// blocks until ctx ends or fn fails. The in-process feed of a bus and the memory one of
// tests implement it.
type Source interface {
	Follow(ctx context.Context, resources []subject.Resource, fn func(Batch) error) error
}
