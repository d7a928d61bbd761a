package dispatcher

import (
	"context"
	"errors"
	"time"

	"google.golang.org/protobuf/proto"

	"taffrail.dev/events/errs"
	"taffrail.dev/events/fold"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
	nodev1 "taffrail.dev/proto/gen/node/v1"
)

const (
	// maxRecords and maxBytes bound one append.
	maxRecords = 256
	maxBytes   = 4 << 20
	// keepRemoved is how long a removal stays on ASSIGN. A node cut off for longer reads
	// everything anew.
	keepRemoved = 24 * time.Hour
)

// ledger is what ASSIGN holds, and the queue of what may have to change in it. One
// goroutine owns it.
type ledger struct {
	told map[subject.Assignment]told
	// newest is the highest sequence of ASSIGN seen.
	newest uint64
	epoch  string
	// through is how far the fold is on STATE.
	through uint64

	queue  []subject.Assignment
	queued map[subject.Assignment]*fold.Event // with the latest event that gave occasion
}

func newLedger() *ledger {
	return &ledger{told: map[subject.Assignment]told{}, queued: map[subject.Assignment]*fold.Event{}}
}

// enqueue has an assignment looked at, after all that are queued already.
func (l *ledger) enqueue(cause *fold.Event, all ...subject.Assignment) {
	for _, a := range all {
		if before, ok := l.queued[a]; !ok {
			l.queue = append(l.queue, a)
		} else if cause == nil {
			cause = before
		}
		l.queued[a] = cause
	}
}

// batch is one append under way.
type batch struct {
	records     []journal.Record
	assignments []subject.Assignment
	next        []told
	causes      []*fold.Event
}

// cut takes the next batch off the queue; nil if there is nothing to tell.
func (l *ledger) cut(s *State) *batch {
	b := &batch{}
	size, taken := 0, 0
	for _, a := range l.queue {
		if len(b.records) == maxRecords || size >= maxBytes {
			break
		}
		taken++
		cause := l.queued[a]
		delete(l.queued, a)
		record, next, ok := l.record(s, a, cause)
		if !ok {
			continue
		}
		size += len(record.Data)
		b.records = append(b.records, record)
		b.assignments = append(b.assignments, a)
		b.next = append(b.next, next)
		b.causes = append(b.causes, cause)
	}
	if l.queue = l.queue[taken:]; len(l.queue) == 0 {
		l.queue = nil
	}
	if len(b.records) == 0 {
		return nil
	}
	return b
}

// record is the message that an assignment needs; ok is false if it needs none.
func (l *ledger) record(s *State, a subject.Assignment, cause *fold.Event) (r journal.Record, next told, ok bool) {
	var m proto.Message = &nodev1.Mark{Epoch: l.epoch, Sequence: l.through}
	r = journal.Record{Subject: a.Subject(), Expect: journal.Any}
	if !a.Mark {
		had := l.told[a]
		assignment, after := decide(a, s.Want(a), had, cause)
		if assignment == nil {
			return r, had, false
		}
		m, next = assignment, after
		r.Expect = had.at
		if after.removed {
			r.TTL = keepRemoved
		}
	}
	data, err := proto.Marshal(m)
	if err != nil { // text of the API is UTF-8
		return r, next, false
	}
	r.Data = data
	return r, next, true
}

// settle takes over what an append stored. lost says that ASSIGN is not the stream it
// was: its sequences went back.
func (l *ledger) settle(b *batch, sequences []uint64) (lost bool) {
	for i, a := range b.assignments {
		lost = lost || sequences[i] <= l.newest
		l.newest = max(l.newest, sequences[i])
		if a.Mark {
			continue
		}
		b.next[i].at = sequences[i]
		l.told[a] = b.next[i]
	}
	return lost
}

// reload reads everything that ASSIGN holds.
func (l *ledger) reload(ctx context.Context, assign journal.Journal) error {
	l.told, l.newest = map[subject.Assignment]told{}, 0
	last, err := end(ctx, assign)
	if err != nil || last == 0 {
		return err
	}
	err = assign.Read(ctx, 1, nil, func(messages []journal.Message, through uint64) error {
		for _, m := range messages {
			l.learn(m)
		}
		if through >= last {
			return errDone
		}
		return nil
	})
	l.newest = max(l.newest, last)
	if errors.Is(err, errDone) {
		return nil
	}
	return err
}

// end is a sequence of ASSIGN that is there to be read up to. The last one may have
// gone by itself, so the mark of all is written once more, unchanged.
func end(ctx context.Context, assign journal.Journal) (uint64, error) {
	m, err := assign.GetLast(ctx, subject.Assignment{Mark: true}.Subject())
	if errs.Is(err, errs.NotFound) {
		return assign.Last(ctx)
	}
	if err != nil {
		return 0, err
	}
	sequences, err := assign.Append(ctx, journal.Record{Subject: m.Subject, Expect: m.Sequence, Data: m.Data})
	if err != nil {
		return 0, err
	}
	return sequences[0], nil
}

// errDone ends a reading that has come to its end.
var errDone = errors.New("read to the end")

// learn takes over one message of ASSIGN. A subject or a message that cannot be read is
// left to be overwritten.
func (l *ledger) learn(m journal.Message) {
	a, err := subject.ParseAssignment(m.Subject)
	if err != nil || a.Mark {
		return
	}
	t, err := read(a, m.Sequence, m.Data)
	if err != nil {
		t = told{at: m.Sequence}
	}
	l.told[a] = t
	l.newest = max(l.newest, m.Sequence)
}

// relearn looks one subject up again, after a conflict on it.
func (l *ledger) relearn(ctx context.Context, r journal.Reader, name string) error {
	a, err := subject.ParseAssignment(name)
	if err != nil {
		return errs.E("dispatch", errs.Internal, err)
	}
	m, err := r.GetLast(ctx, name)
	if errs.Is(err, errs.NotFound) {
		delete(l.told, a)
		return nil
	}
	if err != nil {
		return err
	}
	l.learn(m)
	return nil
}
