package dispatcher

import (
	"context"

	"taffrail.dev/events/fold"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/process"

	"go.uber.org/zap"
)

// Stepper is a dispatcher that works when told to, one append after the other.
type Stepper struct{ l *loop }

// NewStepper makes one that has folded nothing.
func NewStepper(assign journal.Journal, epoch func() string) *Stepper {
	d := New(process.Deps{}, assign, epoch)
	return &Stepper{&loop{
		Dispatcher: d, log: zap.NewNop(), metrics: newMetrics(nil), state: NewState(), ledger: newLedger(), appended: make(chan appended, 1),
	}}
}

// Fold takes a batch of the feed.
func (s *Stepper) Fold(b fold.Batch) { s.l.fold(b) }

// Work does everything that can be done at once, and says whether it waits to try
// again.
func (s *Stepper) Work(ctx context.Context) (waits bool) {
	for s.l.retry == nil {
		if s.l.work(ctx); s.l.flying == nil {
			break
		}
		s.l.answered(ctx, <-s.l.appended)
	}
	return s.l.retry != nil
}

// Retry ends the wait.
func (s *Stepper) Retry() { s.l.retry = nil }

// Probe looks whether the stream was lost.
func (s *Stepper) Probe(ctx context.Context) { s.l.probe(ctx) }
