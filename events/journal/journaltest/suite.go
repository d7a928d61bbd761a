// Package journaltest has the one suite that every journal passes.
package journaltest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"taffrail.dev/events/errs"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
)

// Opened is a journal under test, empty at first.
type Opened struct {
	journal.Journal
	// Reopen closes the journal and what it stands on, and opens it again; nil if it
	// cannot. Afterwards the Journal is the new one.
	Reopen func(t *testing.T)
}

// Suite runs all of it; open makes a journal with subjects "state.>".
func Suite(t *testing.T, open func(t *testing.T) *Opened) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, *Opened){
		"order": order, "conflict": conflict, "repeat": repeat, "repeat after newer": repeatAfterNewer,
		"batch is atomic": atomicity, "repeated batch": repeatedBatch, "twice the same subject": twice, "any": anyExpectation,
		"look up": lookUp, "filters and progress": filters, "follow from the middle": middle,
		"two readers": twoReaders, "reader's error": readerError, "cancelled": cancelled,
		"one wins": oneWins, "large": large, "restart": restart,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

const patience = 30 * time.Second

func withTimeout(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// node is the subject of an object of another resource.
var node = subject.Object{Resource: subject.Nodes, Name: "a"}.Subject()

func on(i int) string {
	return subject.Object{Resource: subject.Pods, Namespace: "default", Name: fmt.Sprintf("pod-%d", i)}.Subject()
}

func record(i int, expect uint64, data string) journal.Record {
	return journal.Record{Subject: on(i), Expect: expect, Data: []byte(data)}
}

// must appends and fails the test if that fails.
func must(t *testing.T, j journal.Writer, records ...journal.Record) []uint64 {
	t.Helper()
	got, err := j.Append(withTimeout(t), records...)
	if err != nil {
		t.Fatalf("append %d records: %v", len(records), err)
	}
	if len(got) != len(records) {
		t.Fatalf("%d sequences of %d records", len(got), len(records))
	}
	return got
}

// wantConflict checks that err is a conflict of a subject which is at last.
func wantConflict(t *testing.T, err error, on string, expected, last uint64) {
	t.Helper()
	var c *journal.Conflict
	if !errs.Is(err, errs.Conflict) || !errors.As(err, &c) {
		t.Fatalf("got %v, want a conflict", err)
	}
	if *c != (journal.Conflict{Subject: on, Expected: expected, Last: last}) {
		t.Fatalf("conflict is %+v, want %s expected %d last %d", *c, on, expected, last)
	}
}

var errEnough = errors.New("enough")

// collect reads from a sequence until through reaches an end, and checks the order.
func collect(t *testing.T, j journal.Reader, from, through uint64, filters ...string) []journal.Message {
	t.Helper()
	var got []journal.Message
	last, progress := uint64(0), uint64(0)
	err := j.Read(withTimeout(t), from, filters, func(batch []journal.Message, p uint64) error {
		for _, m := range batch {
			if m.Sequence <= last || m.Sequence < from || m.Sequence > p {
				t.Errorf("message %d after %d, from %d, through %d", m.Sequence, last, from, p)
			}
			last = m.Sequence
		}
		if p < progress {
			t.Errorf("progress went back from %d to %d", progress, p)
		}
		progress = p
		got = append(got, batch...)
		if p >= through {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		t.Fatalf("read from %d through %d: got %d messages, progress %d: %v", from, through, len(got), progress, err)
	}
	return got
}

func sequencesOf(messages []journal.Message) []uint64 {
	var out []uint64
	for _, m := range messages {
		out = append(out, m.Sequence)
	}
	return out
}

func wantSequences(t *testing.T, got []journal.Message, want ...uint64) {
	t.Helper()
	if !slices.Equal(sequencesOf(got), want) {
		t.Fatalf("got sequences %v, want %v", sequencesOf(got), want)
	}
}

// each runs n functions at once and waits for them.
func each(n int, fn func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { fn(i) })
	}
	wg.Wait()
}
