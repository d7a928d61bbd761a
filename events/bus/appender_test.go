package bus_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"taffrail.dev/events/bus"
	"taffrail.dev/events/errs"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/journal/journaltest"
	"taffrail.dev/events/subject"
)

// appended is a journal whose writes go through an appender.
type appended struct {
	*journal.Appender
	journal.Reader
}

func TestAppender(t *testing.T) {
	t.Parallel()
	for _, replicated := range []bool{false, true} {
		t.Run(fmt.Sprintf("replicated=%v", replicated), func(t *testing.T) {
			t.Parallel()
			journaltest.Suite(t, func(t *testing.T) *journaltest.Opened {
				j := state(t, open(t, bus.Config{DataDir: t.TempDir()}))
				return &journaltest.Opened{Journal: appended{journal.NewAppender(j, replicated), j}}
			})
		})
	}
}

func TestAppenderInMemory(t *testing.T) {
	t.Parallel()
	journaltest.Suite(t, func(*testing.T) *journaltest.Opened {
		j := journal.NewMemory(nil)
		return &journaltest.Opened{Journal: appended{journal.NewAppender(j, false), j}}
	})
}

// TestAppenderUnderLoad has many goroutines count up shared objects by optimistic
// writes, some of them repeated, some of several records; every acknowledged write counts
// exactly once.
func TestAppenderUnderLoad(t *testing.T) {
	t.Parallel()
	j := state(t, open(t, bus.Config{DataDir: t.TempDir()}))
	underLoad(t, j, journal.NewAppender(j, false))
}

func underLoad(t *testing.T, j journal.Reader, a *journal.Appender) {
	t.Helper()
	const writers, objects, writes = 64, 40, 15
	var acknowledged [objects]atomic.Int64
	var conflicts atomic.Int64
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(w)))
			last := map[int]uint64{}
			for n := range writes {
				o := random.IntN(objects)
				if err := count(a, o, last, fmt.Sprintf("%d-%d", w, n), random.IntN(10), &acknowledged[o]); err != nil {
					conflicts.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if conflicts.Load() == 0 {
		t.Error("no conflict: the test tests too little")
	}
	got := map[string]int64{}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	last, err := j.Last(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_ = j.Read(ctx, 1, nil, func(batch []journal.Message, through uint64) error {
		for _, m := range batch {
			got[m.Subject]++
		}
		if through >= last {
			return errDone
		}
		return nil
	})
	for o := range objects {
		if got[path(o)] != acknowledged[o].Load() {
			t.Errorf("%s has %d events, %d were acknowledged", path(o), got[path(o)], acknowledged[o].Load())
		}
	}
}

var errDone = errors.New("done")

func path(o int) string {
	return subject.Object{Resource: subject.Pods, Namespace: "default", Name: fmt.Sprint(o)}.Subject()
}

// count writes until it is acknowledged, or gives up after three conflicts.
func count(a *journal.Appender, o int, last map[int]uint64, id string, way int, n *atomic.Int64) error {
	var err error
	for try := range 3 {
		records := []journal.Record{{Subject: path(o), Expect: last[o], ID: fmt.Sprint(id, "-", try), Data: []byte("x")}}
		if way == 0 {
			records = append(records, journal.Record{Subject: path(1000) + id, ID: fmt.Sprint(id, "+", try), Data: []byte("y")})
		}
		var got []uint64
		got, err = a.Append(context.Background(), records...)
		var c *journal.Conflict
		if errors.As(err, &c) {
			last[o] = c.Last
			continue
		}
		if err != nil {
			return err
		}
		n.Add(1)
		last[o] = got[0]
		if way == 1 { // a repeat
			again, err := a.Append(context.Background(), records...)
			if err != nil || again[0] != got[0] {
				panic(fmt.Sprintf("repeat of %d got %v, %v", got[0], again, err))
			}
		}
		return nil
	}
	return err
}

func TestAppenderCancelledWhileWaiting(t *testing.T) {
	t.Parallel()
	a := journal.NewAppender(state(t, open(t, bus.Config{DataDir: t.TempDir()})), false)
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i)*100*time.Microsecond)
			defer cancel()
			if _, err := a.Append(ctx, journal.Record{Subject: path(i % 5), Expect: journal.Any}); err != nil && !errs.Is(err, errs.Timeout) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if _, err := a.Append(context.Background(), journal.Record{Subject: path(0), Expect: journal.Any}); err != nil {
		t.Errorf("stuck afterwards: %v", err)
	}
}

func BenchmarkAppend(b *testing.B) {
	data, _ := json.Marshal(make([]int, 600)) // about 1.2 KB
	for _, way := range []string{"plain", "appender"} {
		for _, clients := range []int{1, 8, 64, 512} {
			b.Run(fmt.Sprintf("%s/clients=%d", way, clients), func(b *testing.B) {
				j := state(b, open(b, bus.Config{DataDir: b.TempDir()}))
				var w journal.Writer = j
				if way == "appender" {
					w = journal.NewAppender(j, false)
				}
				var n atomic.Int64
				b.ReportAllocs()
				b.ResetTimer()
				var wg sync.WaitGroup
				for range clients {
					wg.Go(func() {
						for i := n.Add(1); i <= int64(b.N); i = n.Add(1) {
							if _, err := w.Append(context.Background(), journal.Record{Subject: path(int(i)), ID: fmt.Sprint(i), Data: data}); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				wg.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
			})
		}
	}
}
