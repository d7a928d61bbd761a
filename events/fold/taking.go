package fold

import (
	"context"
	"errors"
	"iter"

	"taffrail.dev/events/envelope"
	"taffrail.dev/events/errs"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

// taking is the making of one snapshot: the base snapshot without the subjects that have
// newer events, then the last of these. The journal is read twice, so that memory holds only
// sequences.
type taking struct {
	snapshots     *Snapshots
	stream        subject.Stream
	journal       journal.Reader
	base          string
	from, through uint64
	newer         map[string]uint64 // last sequence by subject; 0 if its object is gone
}

var errEnd = errors.New("end")

// tail reads what came after the base.
func (t *taking) tail(ctx context.Context, fn func(journal.Message) error) error {
	err := t.journal.Read(ctx, t.from+1, nil, func(batch []journal.Message, through uint64) error {
		for _, m := range batch {
			if m.Sequence > t.through {
				return errEnd
			}
			if err := fn(m); err != nil {
				return err
			}
		}
		if through >= t.through {
			return errEnd
		}
		return nil
	})
	if errors.Is(err, errEnd) {
		return nil
	}
	return err
}

func (t *taking) survey(ctx context.Context) error {
	t.newer = map[string]uint64{}
	return t.tail(ctx, func(m journal.Message) error {
		t.newer[m.Subject] = m.Sequence
		// What cannot be decoded is left to whoever replays it to complain about.
		if e, err := envelope.Decode(m.Subject, m.Data); err == nil && e.GetWhat() == eventv1.What_DELETED {
			t.newer[m.Subject] = 0
		}
		return nil
	})
}

var errStopped = errors.New("stopped")

// messages of the new snapshot, in order.
func (t *taking) messages(ctx context.Context) iter.Seq2[journal.Message, error] {
	return func(yield func(journal.Message, error) bool) {
		give := func(m journal.Message) error {
			if !yield(m, nil) {
				return errStopped
			}
			return nil
		}
		if err := t.each(ctx, give); err != nil && !errors.Is(err, errStopped) {
			yield(journal.Message{}, errs.E("take snapshot", errs.KindOf(err), err))
		}
	}
}

func (t *taking) each(ctx context.Context, give func(journal.Message) error) error {
	if t.base != "" {
		_, err := t.snapshots.read(ctx, t.stream, t.base, func(m journal.Message) error {
			if _, changed := t.newer[m.Subject]; changed {
				return nil
			}
			return give(m)
		})
		if err != nil {
			return err
		}
	}
	return t.tail(ctx, func(m journal.Message) error {
		if t.newer[m.Subject] != m.Sequence {
			return nil
		}
		return give(m)
	})
}
