package view

import (
	"context"
	"errors"

	"taffrail.dev/events/journal"
)

// errReplayed ends a replay's read.
var errReplayed = errors.New("replayed")

// Replay reads the resource's events after a sequence from the journal, up to
// what is folded now at least, and calls fn with the scope's, in order. It returns
// the sequence up to which nothing is missing. Prev is looked up in the journal.
func (t *Table) Replay(ctx context.Context, scope Scope, after uint64, fn func([]*Event) error) (uint64, error) {
	goal := t.stream.progress.reached()
	seen := map[string]*Entry{}
	reached := after
	err := t.stream.reader.Read(ctx, after+1, []string{t.Resource.Filter()}, func(batch []journal.Message, through uint64) error {
		events, err := t.replayed(ctx, scope, batch, seen)
		if err == nil && len(events) > 0 {
			err = fn(events)
		}
		if reached = through; err == nil && through >= goal {
			err = errReplayed
		}
		return err
	})
	if errors.Is(err, errReplayed) {
		err = nil
	}
	return reached, err
}

func (t *Table) replayed(ctx context.Context, scope Scope, batch []journal.Message, seen map[string]*Entry) ([]*Event, error) {
	var events []*Event
	for _, m := range batch {
		c, err := parse(m.Data, m.Sequence)
		if err != nil || c.resource != t.Resource {
			continue
		}
		entry := &Entry{Key: KeyOf(c.namespace, c.name), Sequence: c.sequence, table: t, state: Splice(c.state, c.sequence)}
		prev := seen[entry.Key]
		if prev == nil && !c.created && c.prior != 0 {
			if prev, err = t.version(ctx, c.prior); err != nil {
				return nil, err
			}
		}
		if seen[entry.Key] = entry; c.gone {
			delete(seen, entry.Key)
		}
		e := &Event{Sequence: c.sequence, Entry: entry, Prev: prev, Gone: c.gone}
		if scope.has(e) {
			events = append(events, e)
		}
	}
	return events, nil
}

// version is the object as an event left it.
func (t *Table) version(ctx context.Context, sequence uint64) (*Entry, error) {
	m, err := t.stream.reader.Get(ctx, sequence)
	if err != nil {
		return nil, err
	}
	c, err := parse(m.Data, m.Sequence)
	if err != nil {
		return nil, err
	}
	return &Entry{Key: KeyOf(c.namespace, c.name), Sequence: c.sequence, table: t, state: Splice(c.state, c.sequence)}, nil
}
