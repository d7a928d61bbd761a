package journal

import (
	"context"
	"sync"
	"time"

	"taffrail.dev/events/errs"
	"taffrail.dev/events/subject"
)

// Memory is a journal in memory, for tests.
type Memory struct {
	now func() time.Time

	mu       sync.Mutex
	messages []Message
	last     map[string]uint64
	ids      map[string]uint64
	grown    chan struct{} // closed and replaced at each append
}

var _ Journal = (*Memory)(nil)

// NewMemory is an empty journal; now is its clock, nil for time.Now.
func NewMemory(now func() time.Time) *Memory {
	if now == nil {
		now = time.Now
	}
	return &Memory{now: now, last: map[string]uint64{}, ids: map[string]uint64{}, grown: make(chan struct{})}
}

// distinct refuses records of which two are on one subject.
func distinct(records []Record) error {
	if len(records) == 1 {
		return nil
	}
	seen := make(map[string]struct{}, len(records))
	for _, r := range records {
		if _, twice := seen[r.Subject]; twice {
			return errs.F(appendOp, errs.Internal, "subject %s twice in one append", r.Subject)
		}
		seen[r.Subject] = struct{}{}
	}
	return nil
}

// Append stores all records or none.
func (m *Memory) Append(ctx context.Context, records ...Record) ([]uint64, error) {
	if err := ctx.Err(); err != nil {
		return nil, errs.E(appendOp, errs.Timeout, err)
	}
	if err := distinct(records); err != nil || len(records) == 0 {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if got := m.repeats(records); got != nil {
		return got, nil
	}
	for _, r := range records {
		if last := m.last[r.Subject]; r.Expect != Any && r.Expect != last {
			return nil, errs.E(appendOp, errs.Conflict, &Conflict{r.Subject, r.Expect, last})
		}
	}
	got := make([]uint64, len(records))
	now := m.now()
	for i, r := range records {
		got[i] = uint64(len(m.messages)) + 1
		m.messages = append(m.messages, Message{Subject: r.Subject, Sequence: got[i], Time: now, Data: r.Data})
		m.last[r.Subject] = got[i]
		if r.ID != "" {
			m.ids[r.ID] = got[i]
		}
	}
	close(m.grown)
	m.grown = make(chan struct{})
	return got, nil
}

// repeats is the sequences of records that are all there already, else nil.
func (m *Memory) repeats(records []Record) []uint64 {
	got := make([]uint64, len(records))
	for i, r := range records {
		if got[i] = m.ids[r.ID]; got[i] == 0 {
			return nil
		}
	}
	return got
}

// Last is the last message's sequence.
func (m *Memory) Last(context.Context) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return uint64(len(m.messages)), nil
}

// Get is the message of a sequence.
func (m *Memory) Get(_ context.Context, sequence uint64) (Message, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if sequence == 0 || sequence > uint64(len(m.messages)) {
		return Message{}, errs.F("get from journal", errs.NotFound, "no message %d", sequence)
	}
	return m.messages[sequence-1], nil
}

// GetLast is a subject's last message.
func (m *Memory) GetLast(ctx context.Context, subject string) (Message, error) {
	m.mu.Lock()
	last := m.last[subject]
	m.mu.Unlock()
	return m.Get(ctx, last)
}

// Read follows the journal.
func (m *Memory) Read(ctx context.Context, from uint64, filters []string, fn func([]Message, uint64) error) error {
	from = max(from, 1)
	for {
		m.mu.Lock()
		all, grown := m.messages, m.grown
		m.mu.Unlock()
		if through := uint64(len(all)); through >= from {
			if err := fn(filtered(all[from-1:], filters), through); err != nil {
				return err
			}
			from = through + 1
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// filtered is a new slice of the messages that match.
func filtered(all []Message, filters []string) []Message {
	out := make([]Message, 0, len(all))
	for i, msg := range all {
		if matches(filters, msg.Subject) {
			msg.Pending = uint64(len(all) - 1 - i)
			out = append(out, msg)
		}
	}
	if len(out) > 0 { // what follows is not for this reader
		out[len(out)-1].Pending = 0
	}
	return out
}

func matches(filters []string, s string) bool {
	for _, f := range filters {
		if subject.Match(f, s) {
			return true
		}
	}
	return len(filters) == 0
}
