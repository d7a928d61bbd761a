package fold_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"taffrail.dev/events/fold"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

// follow runs a feed for one follower, until it has enough.
func follow(t testing.TB, feed *fold.Feed, resources []subject.Resource, fn func(fold.Batch) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	var wg sync.WaitGroup
	wg.Go(func() { _ = feed.Run(ctx) })
	if err := feed.Follow(ctx, resources, fn); !errors.Is(err, errDone) {
		t.Errorf("follow: %v", err)
	}
	cancel()
	wg.Wait()
}

// check is a follower that checks what every follower must see.
type check struct {
	t         testing.TB
	wants     map[subject.Resource]bool
	last      map[subject.Stream]uint64
	through   map[subject.Stream]uint64
	seen      []uint64
	wasReady  bool
	batches   int
	atReady   int
	sequences map[uint64]*fold.Event
}

func newCheck(t testing.TB, resources ...subject.Resource) *check {
	c := &check{t: t, wants: map[subject.Resource]bool{}, last: map[subject.Stream]uint64{}, through: map[subject.Stream]uint64{}, sequences: map[uint64]*fold.Event{}}
	for _, r := range resources {
		c.wants[r] = true
	}
	return c
}

func (c *check) take(b fold.Batch) {
	c.batches++
	for _, e := range b.Events {
		if !c.wants[e.Key().Resource] || e.Stream != b.Stream || e.Sequence <= c.last[b.Stream] || e.Sequence > b.Through {
			c.t.Errorf("%s %d of %v after %d, through %d", e.Stream, e.Sequence, e.Key(), c.last[b.Stream], b.Through)
		}
		c.last[b.Stream] = e.Sequence
		c.seen = append(c.seen, e.Sequence)
		c.sequences[e.Sequence] = e
	}
	if b.Through < c.through[b.Stream] || c.wasReady && !b.Ready {
		c.t.Errorf("went back: %+v", b)
	}
	c.through[b.Stream] = b.Through
	if b.Ready && !c.wasReady {
		c.wasReady, c.atReady = true, len(c.seen)
	}
}

func TestFeedFansOut(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	m := fold.NewMemory()
	put := func(o subject.Object, i int) {
		if _, err := m.Append(ctx, eventOn(o, eventv1.What_SPEC_CHANGED, i)); err != nil {
			t.Error(err)
		}
	}
	lease := subject.Object{Resource: subject.CoordinationLeases, Namespace: "x", Name: "l"}
	node := subject.Object{Resource: subject.Nodes, Name: "n"}
	const before, after = 500, 500
	for i := range before {
		put(podNamed("x", i%50), i)
		put(node, i)
	}
	put(lease, 0)
	var running, followers sync.WaitGroup
	running.Go(func() { _ = m.Run(ctx) })
	checks := []*check{newCheck(t, subject.Pods), newCheck(t, subject.Pods, subject.CoordinationLeases), newCheck(t, subject.Nodes), newCheck(t, subject.Secrets)}
	for i, c := range checks {
		followers.Go(func() {
			var resources []subject.Resource
			for r := range c.wants {
				resources = append(resources, r)
			}
			err := m.Follow(ctx, resources, func(b fold.Batch) error {
				c.take(b)
				if c.through[subject.State] == 2*(before+after) && (i != 1 || c.through[subject.Leases] == 1) {
					return errDone
				}
				return nil
			})
			if !errors.Is(err, errDone) {
				t.Errorf("follower %d: %v", i, err)
			}
		})
		if i == 2 { // the last one comes late
			for i := range after {
				put(podNamed("x", i%50), before+i)
				put(node, before+i)
			}
		}
	}
	followers.Wait()
	cancel()
	running.Wait()
	for i, want := range []int{before + after, before + after + 1, before + after, 0} {
		c := checks[i]
		if len(c.seen) != want || !c.wasReady {
			t.Errorf("follower %d saw %d of %d events, ready %v", i, len(c.seen), want, c.wasReady)
		}
		if i < 2 && c.atReady < before {
			t.Errorf("follower %d was ready after %d events", i, c.atReady)
		}
	}
	for s, e := range checks[0].sequences {
		if checks[1].sequences[s] != e && s > 1 {
			t.Fatalf("event %d was decoded twice", s)
		}
	}
}

// TestSlowFollowerIsLeftBehind neither loses anything nor holds the others up for ever.
func TestSlowFollowerIsLeftBehind(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	m := fold.NewMemory()
	const n = 20_000
	var running, followers sync.WaitGroup
	running.Go(func() { _ = m.Run(ctx) })
	var fastDone atomic.Bool
	hold := make(chan struct{})
	for i := range 2 {
		slow := i == 1
		c := newCheck(t, subject.Pods)
		followers.Go(func() {
			err := m.Follow(ctx, []subject.Resource{subject.Pods}, func(b fold.Batch) error {
				if slow && len(c.seen) > 100 {
					<-hold // until the other one is through
				}
				c.take(b)
				if c.through[subject.State] == n {
					if !slow {
						fastDone.Store(true)
						close(hold)
					}
					return errDone
				}
				return nil
			})
			if !errors.Is(err, errDone) {
				t.Errorf("slow %v: %v", slow, err)
			}
			if len(c.seen) != n {
				t.Errorf("slow %v: saw %d", slow, len(c.seen))
			}
		})
	}
	for i := range n {
		if _, err := m.Append(ctx, eventOn(podNamed("x", i%100), eventv1.What_SPEC_CHANGED, i)); err != nil {
			t.Fatal(err)
		}
	}
	followers.Wait()
	cancel()
	running.Wait()
	if !fastDone.Load() {
		t.Error("the fast follower was held up")
	}
}

func TestFollowEndsWithTheFeed(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	m := fold.NewMemory()
	followed := make(chan error, 1)
	go func() {
		followed <- m.Follow(context.Background(), []subject.Resource{subject.Pods}, func(fold.Batch) error {
			cancel()
			return nil
		})
	}()
	_ = m.Run(ctx)
	if err := <-followed; !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v, want what the feed ended with", err)
	}
	feed := fold.NewFeed(fold.FeedConfig{Streams: map[subject.Stream]journal.Reader{}})
	if err := feed.Follow(context.Background(), []subject.Resource{subject.Pods}, nil); err == nil {
		t.Error("follows a stream that is not read")
	}
}

func BenchmarkFold(b *testing.B) {
	j := journal.NewMemory(nil)
	const n = 20_000
	for i := range n {
		appendTo(b, j, eventOn(podNamed(fmt.Sprintf("ns-%d", i%10), i%5000), eventv1.What_SPEC_CHANGED, i))
	}
	b.ReportAllocs()
	for b.Loop() {
		feed := fold.NewFeed(fold.FeedConfig{Streams: map[subject.Stream]journal.Reader{subject.State: j}})
		s := newStore()
		follow(b, feed, []subject.Resource{subject.Pods}, func(batch fold.Batch) error {
			apply(b, s, batch.Events)
			if batch.Through == n {
				return errDone
			}
			return nil
		})
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
