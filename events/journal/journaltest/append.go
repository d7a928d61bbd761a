package journaltest

import (
	"bytes"
	"strings"
	"sync/atomic"
	"testing"

	"taffrail.dev/events/errs"
	"taffrail.dev/events/journal"
)

func order(t *testing.T, j *Opened) {
	for i := range 50 {
		if got := must(t, j, record(i%7, journal.Any, "x")); got[0] != uint64(i)+1 {
			t.Fatalf("append %d got sequence %d", i, got[0])
		}
	}
	got := collect(t, j, 1, 50)
	if len(got) != 50 {
		t.Fatalf("%d messages", len(got))
	}
	for i, m := range got {
		if m.Sequence != uint64(i)+1 || m.Subject != on(i%7) || string(m.Data) != "x" || m.Time.IsZero() {
			t.Fatalf("message %d is %+v", i, m)
		}
	}
}

func conflict(t *testing.T, j *Opened) {
	first := must(t, j, record(0, 0, "a"))[0]
	_, err := j.Append(withTimeout(t), record(0, 0, "b"))
	wantConflict(t, err, on(0), 0, first)
	second := must(t, j, record(0, first, "c"))[0]
	_, err = j.Append(withTimeout(t), record(0, first, "d"))
	wantConflict(t, err, on(0), first, second)
	_, err = j.Append(withTimeout(t), record(1, 17, "e"))
	wantConflict(t, err, on(1), 17, 0)
	if last, err := j.Last(withTimeout(t)); err != nil || last != second {
		t.Fatalf("last %d, %v: refused records were stored", last, err)
	}
}

func repeat(t *testing.T, j *Opened) {
	for _, expect := range []uint64{0, journal.Any} {
		r := record(int(expect%10), expect, "a")
		r.ID = "id-" + r.Subject
		first := must(t, j, r)
		again := must(t, j, r)
		if first[0] != again[0] {
			t.Fatalf("repeat got %d, first %d", again[0], first[0])
		}
	}
	if last, _ := j.Last(withTimeout(t)); last != 2 {
		t.Fatalf("%d messages of 2", last)
	}
}

// repeatAfterNewer repeats a record on whose subject there has been another since.
func repeatAfterNewer(t *testing.T, j *Opened) {
	r := record(0, 0, "a")
	r.ID = "first"
	first := must(t, j, r)[0]
	next := record(0, first, "b")
	next.ID = "second"
	must(t, j, next)
	if again := must(t, j, r)[0]; again != first {
		t.Fatalf("repeat got %d, first %d", again, first)
	}
	if last, _ := j.Last(withTimeout(t)); last != 2 {
		t.Fatalf("%d messages of 2", last)
	}
}

// atomicity refuses a batch whole, whichever of its records fails.
func atomicity(t *testing.T, j *Opened) {
	must(t, j, record(0, 0, "a"), record(1, 0, "b"), record(2, 0, "c"))
	for bad := range 3 {
		batch := []journal.Record{record(0, 1, "d"), record(1, 2, "e"), record(2, 3, "f")}
		batch[bad].Expect = 0
		_, err := j.Append(withTimeout(t), batch...)
		wantConflict(t, err, on(bad), 0, uint64(bad)+1)
	}
	if last, _ := j.Last(withTimeout(t)); last != 3 {
		t.Fatalf("last is %d: a part of a refused batch was stored", last)
	}
	if got := must(t, j, record(0, 1, "d"), record(1, 2, "e"), record(3, 0, "f")); got[0] != 4 || got[2] != 6 {
		t.Fatalf("sequences %v", got)
	}
}

func repeatedBatch(t *testing.T, j *Opened) {
	must(t, j, record(9, 0, "before"))
	batch := []journal.Record{record(0, 0, "a"), record(1, 0, "b"), record(2, journal.Any, "c")}
	for i := range batch {
		batch[i].ID = "batch-" + batch[i].Subject
	}
	first := must(t, j, batch...)
	again := must(t, j, batch...)
	for i := range first {
		if first[i] != uint64(i)+2 || again[i] != first[i] {
			t.Fatalf("repeat got %v, first %v", again, first)
		}
	}
	if last, _ := j.Last(withTimeout(t)); last != 4 {
		t.Fatalf("%d messages of 4", last)
	}
}

func twice(t *testing.T, j *Opened) {
	if _, err := j.Append(withTimeout(t), record(0, 0, "a"), record(0, 1, "b")); !errs.Is(err, errs.Internal) {
		t.Fatalf("got %v", err)
	}
	if got, err := j.Append(withTimeout(t)); len(got) != 0 || err != nil {
		t.Fatalf("appending nothing: %v %v", got, err)
	}
}

func anyExpectation(t *testing.T, j *Opened) {
	must(t, j, record(0, journal.Any, "a"))
	must(t, j, record(0, journal.Any, "b"), record(1, journal.Any, "c"))
	if got, err := j.GetLast(withTimeout(t), on(0)); err != nil || got.Sequence != 2 || string(got.Data) != "b" {
		t.Fatalf("%+v %v", got, err)
	}
}

// oneWins has many write the same object at once, over and over: each round has one
// winner.
func oneWins(t *testing.T, j *Opened) {
	last := uint64(0)
	for range 10 {
		var winners atomic.Int32
		var won atomic.Uint64
		each(8, func(int) {
			got, err := j.Append(withTimeout(t), record(0, last, "mine"))
			switch {
			case err == nil:
				winners.Add(1)
				won.Store(got[0])
			case !errs.Is(err, errs.Conflict):
				t.Error(err)
			}
		})
		if winners.Load() != 1 {
			t.Fatalf("%d winners", winners.Load())
		}
		last = won.Load()
	}
}

func large(t *testing.T, j *Opened) {
	data := strings.Repeat("x", 3<<20)
	must(t, j, record(0, 0, data))
	must(t, j, record(1, 0, data), record(2, 0, data))
	for _, m := range collect(t, j, 1, 3) {
		if !bytes.Equal(m.Data, []byte(data)) {
			t.Fatalf("message %d has %d bytes", m.Sequence, len(m.Data))
		}
	}
}
