package journaltest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"taffrail.dev/events/errs"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
)

func lookUp(t *testing.T, j *Opened) {
	ctx := withTimeout(t)
	if last, err := j.Last(ctx); err != nil || last != 0 {
		t.Fatalf("an empty journal is at %d, %v", last, err)
	}
	must(t, j, record(0, 0, "a"))
	must(t, j, record(0, 1, "b"))
	if m, err := j.Get(ctx, 1); err != nil || m.Sequence != 1 || m.Subject != on(0) || string(m.Data) != "a" || m.Time.IsZero() {
		t.Errorf("get 1: %+v %v", m, err)
	}
	if m, err := j.GetLast(ctx, on(0)); err != nil || m.Sequence != 2 || string(m.Data) != "b" {
		t.Errorf("get last: %+v %v", m, err)
	}
	if _, err := j.Get(ctx, 3); !errs.Is(err, errs.NotFound) {
		t.Errorf("get 3: %v", err)
	}
	if _, err := j.GetLast(ctx, on(1)); !errs.Is(err, errs.NotFound) {
		t.Errorf("get last of nothing: %v", err)
	}
}

// filters leave messages out but not the progress past them.
func filters(t *testing.T, j *Opened) {
	for i := range 6 {
		must(t, j, record(i%3, journal.Any, "x"))
	}
	must(t, j, journal.Record{Subject: node, Data: []byte("y")})
	wantSequences(t, collect(t, j, 1, 7, on(1)), 2, 5)
	wantSequences(t, collect(t, j, 1, 7, on(1), subject.Nodes.Filter()), 2, 5, 7)
	wantSequences(t, collect(t, j, 3, 7, subject.Pods.FilterIn("default")), 3, 4, 5, 6)
	wantSequences(t, collect(t, j, 1, 7, subject.Secrets.Filter()))
}

func middle(t *testing.T, j *Opened) {
	for range 5 {
		must(t, j, record(0, journal.Any, "x"))
	}
	wantSequences(t, collect(t, j, 4, 5), 4, 5)
	wantSequences(t, collect(t, j, 0, 5), 1, 2, 3, 4, 5)
	ctx, cancel := context.WithCancel(withTimeout(t))
	defer cancel()
	got := make(chan []journal.Message, 1)
	go func() { // from a sequence that is yet to come
		_ = j.Read(ctx, 7, nil, func(batch []journal.Message, _ uint64) error {
			if len(batch) > 0 {
				got <- batch
				return errEnough
			}
			return nil
		})
	}()
	must(t, j, record(0, journal.Any, "six"))
	must(t, j, record(0, journal.Any, "seven"))
	wantSequences(t, <-got, 7)
}

// twoReaders follow while others write; each sees every message once, in order.
func twoReaders(t *testing.T, j *Opened) {
	const writers, writes = 8, 40
	seen := make([][]journal.Message, 2)
	var writing sync.WaitGroup
	writing.Go(func() {
		each(writers, func(w int) {
			for range writes {
				if _, err := j.Append(withTimeout(t), record(w, journal.Any, "x")); err != nil {
					t.Error(err)
				}
			}
		})
	})
	each(2, func(i int) { seen[i] = collect(t, j, 1, writers*writes) })
	writing.Wait()
	for i, got := range seen {
		if len(got) != writers*writes {
			t.Errorf("reader %d saw %d messages", i, len(got))
		}
	}
	if !slices.Equal(sequencesOf(seen[0]), sequencesOf(seen[1])) {
		t.Error("the readers differ")
	}
}

func readerError(t *testing.T, j *Opened) {
	must(t, j, record(0, 0, "x"))
	want := errors.New("mine")
	if err := j.Read(withTimeout(t), 1, nil, func([]journal.Message, uint64) error { return want }); !errors.Is(err, want) {
		t.Fatalf("got %v", err)
	}
}

func cancelled(t *testing.T, j *Opened) {
	ctx, cancel := context.WithCancel(withTimeout(t))
	must(t, j, record(0, 0, "x"))
	err := j.Read(ctx, 1, nil, func([]journal.Message, uint64) error {
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if _, err := j.Append(ctx, record(1, 0, "y")); !errs.Is(err, errs.Timeout) {
		t.Fatalf("append: %v", err)
	}
}

// restart finds everything acknowledged, the expectations and the repeats.
func restart(t *testing.T, j *Opened) {
	if j.Reopen == nil {
		return
	}
	var want []uint64
	for i := range 20 {
		r := record(i%5, journal.Any, "x")
		r.ID = "single-" + r.Subject + string(rune('a'+i))
		want = append(want, must(t, j, r)...)
	}
	batch := []journal.Record{{Subject: on(0), Expect: 16, ID: "b0"}, {Subject: on(7), ID: "b7"}}
	want = append(want, must(t, j, batch...)...)
	j.Reopen(t)
	wantSequences(t, collect(t, j, 1, 22), want...)
	again := must(t, j, batch...)
	if !slices.Equal(again, want[20:]) {
		t.Fatalf("repeat after the restart got %v, first %v", again, want[20:])
	}
	_, err := j.Append(withTimeout(t), record(1, 3, "stale"))
	wantConflict(t, err, on(1), 3, 17)
	if got := must(t, j, record(1, 17, "fresh")); got[0] != 23 {
		t.Fatalf("sequence %d after the restart", got[0])
	}
}
