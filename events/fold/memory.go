package fold

import (
	"context"

	"taffrail.dev/events/envelope"
	"taffrail.dev/events/errs"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

// Memory is a source for tests: a feed over journals in memory.
type Memory struct {
	*Feed
	journals map[subject.Stream]*journal.Memory
}

// NewMemory is a source of nothing yet. Run runs it.
func NewMemory() *Memory {
	m := &Memory{journals: map[subject.Stream]*journal.Memory{}}
	readers := map[subject.Stream]journal.Reader{}
	for _, stream := range []subject.Stream{subject.State, subject.Leases, subject.Events} {
		m.journals[stream] = journal.NewMemory(nil)
		readers[stream] = m.journals[stream]
	}
	m.Feed = NewFeed(FeedConfig{Streams: readers})
	return m
}

// Append adds an event, whatever came before, and returns its sequence.
func (m *Memory) Append(ctx context.Context, e *eventv1.Event) (uint64, error) {
	data, err := envelope.Encode(e)
	if err != nil {
		return 0, err
	}
	o := envelope.Object(e)
	got, err := m.journals[subject.StreamOf(o.Resource)].Append(ctx, journal.Record{Subject: o.Subject(), Expect: journal.Any, ID: e.GetId(), Data: data})
	if err != nil {
		return 0, err
	}
	if len(got) != 1 {
		return 0, errs.F("append", errs.Internal, "%d sequences", len(got))
	}
	return got[0], nil
}
