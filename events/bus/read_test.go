package bus_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"taffrail.dev/events/bus"
	"taffrail.dev/events/fold"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
)

// freePort is an address that nobody listens at, to listen at twice.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestReadOverRestarts follows a journal whose server goes away and comes back: each
// message comes once, in order.
func TestReadOverRestarts(t *testing.T) {
	t.Parallel()
	config := bus.Config{DataDir: t.TempDir(), Listen: freePort(t)}
	b := open(t, config)
	seed, err := b.Grant(bus.Operator())
	if err != nil {
		t.Fatal(err)
	}
	remote := open(t, bus.Config{URL: b.URL(), Credentials: written(t, seed), Join: true})
	j, err := remote.Journal(bus.Operator(), subject.State, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const rounds, each = 3, 50
	arrived := make(chan uint64, rounds*each)
	ctx, cancel := context.WithCancel(withTimeout(t))
	var reading sync.WaitGroup
	reading.Go(func() {
		err := j.Read(ctx, 1, nil, func(batch []journal.Message, _ uint64) error {
			for _, m := range batch {
				arrived <- m.Sequence
			}
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("read: %v", err)
		}
	})
	want := uint64(0)
	for round := range rounds {
		if round > 0 {
			b.Close()
			b = open(t, config)
		}
		w := state(t, b)
		for i := range each {
			if _, err := w.Append(withTimeout(t), journal.Record{Subject: path(i), Expect: journal.Any}); err != nil {
				t.Fatal(err)
			}
		}
		for range each {
			want++
			select {
			case got := <-arrived:
				if got != want {
					t.Fatalf("got %d, want %d", got, want)
				}
			case <-ctx.Done():
				t.Fatalf("message %d did not come", want)
			}
		}
	}
	cancel()
	reading.Wait()
}

// TestLags says how far a feed has come.
func TestLags(t *testing.T) {
	t.Parallel()
	j := state(t, open(t, bus.Config{DataDir: t.TempDir()}))
	feed := fold.NewFeed(fold.FeedConfig{Streams: map[subject.Stream]journal.Reader{subject.State: j}})
	if _, err := j.Append(withTimeout(t), journal.Record{Subject: path(1), Data: []byte("no event")}); err != nil {
		t.Fatal(err)
	}
	lags, err := feed.Lags(withTimeout(t))
	if err != nil || len(lags) != 1 || lags[0].Behind() != 1 {
		t.Fatalf("%v %v", lags, err)
	}
	ctx, cancel := context.WithCancel(withTimeout(t))
	var running sync.WaitGroup
	running.Go(func() { _ = feed.Run(ctx) })
	err = feed.Follow(ctx, []subject.Resource{subject.Pods}, func(b fold.Batch) error {
		if len(b.Events) != 0 {
			t.Errorf("an event that does not decode came: %v", b.Events)
		}
		return errDone
	})
	if lags, _ = feed.Lags(withTimeout(t)); !errors.Is(err, errDone) || lags[0].Behind() != 0 {
		t.Errorf("%v %v", lags, err)
	}
	cancel()
	running.Wait()
}

func BenchmarkRead(b *testing.B) {
	const n = 50_000
	j := state(b, open(b, bus.Config{DataDir: b.TempDir()}))
	a := journal.NewAppender(j, false)
	data := []byte(strings.Repeat("x", 1200))
	var wg sync.WaitGroup
	for w := range 512 {
		wg.Go(func() {
			for i := w; i < n; i += 512 {
				if _, err := a.Append(context.Background(), journal.Record{Subject: path(i), Expect: journal.Any, Data: data}); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, filters := range [][]string{nil, {subject.Nodes.Filter()}} {
		b.Run(fmt.Sprintf("filters=%d", len(filters)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				err := j.Read(context.Background(), 1, filters, func(_ []journal.Message, through uint64) error {
					if through == n {
						return errDone
					}
					return nil
				})
				if !errors.Is(err, errDone) {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}
