package fold

import (
	"context"
	"time"

	"go.uber.org/zap"

	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
)

// Snapshotter takes snapshots of a stream as it grows. Several may run: a snapshot is the
// same whoever takes it.
type Snapshotter struct {
	Snapshots *Snapshots
	Stream    subject.Stream
	Journal   journal.Reader
	// Every is how often it looks; 0 is one minute. Least is how many messages must
	// have come since the last snapshot; 0 is 20,000.
	Every time.Duration
	Least uint64
	Log   *zap.Logger
}

// Run takes snapshots until ctx ends. A failure is logged and tried again.
func (s *Snapshotter) Run(ctx context.Context) error {
	every, least, log := s.Every, s.Least, s.Log
	if every == 0 {
		every = time.Minute
	}
	if least == 0 {
		least = 20_000
	}
	if log == nil {
		log = zap.NewNop()
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	known := uint64(0) // the newest snapshot's sequence: spares reading it when none is due
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if last, err := s.Journal.Last(ctx); err == nil && last < known+least {
			continue
		}
		began := time.Now()
		sequence, taken, err := s.Snapshots.Take(ctx, s.Stream, s.Journal, least)
		known = max(known, sequence)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			log.Warn("snapshot failed", zap.String("stream", string(s.Stream)), zap.Error(err))
		case taken:
			log.Info("snapshot taken", zap.String("stream", string(s.Stream)), zap.Uint64("sequence", sequence), zap.Duration("took", time.Since(began)))
		}
	}
}
