package footprint

import (
	"context"

	"taffrail.dev/events/errs"
	"taffrail.dev/events/journal"
)

// stream is a journal of so many pods, each made when it is read.
type stream int

var _ journal.Reader = stream(0)

func (s stream) Last(context.Context) (uint64, error) { return uint64(s), nil }

func (s stream) Get(_ context.Context, sequence uint64) (journal.Message, error) {
	if sequence == 0 || sequence > uint64(s) {
		return journal.Message{}, errs.F("get", errs.NotFound, "no message %d", sequence)
	}
	return message(int(sequence - 1))
}

func (s stream) GetLast(_ context.Context, subject string) (journal.Message, error) {
	return journal.Message{}, errs.F("get", errs.NotFound, "no message on %s", subject)
}

// Read gives the pods to read from the first on, whatever the filters.
func (s stream) Read(ctx context.Context, from uint64, _ []string, fn func([]journal.Message, uint64) error) error {
	for next := max(from, 1); next <= uint64(s); {
		var batch []journal.Message
		for ; next <= uint64(s) && len(batch) < 256; next++ {
			m, err := message(int(next - 1))
			if err != nil {
				return err
			}
			batch = append(batch, m)
		}
		if err := fn(batch, next-1); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return ctx.Err()
}
