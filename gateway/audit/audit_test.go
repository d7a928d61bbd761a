package audit

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"

	"taffrail.dev/events/envelope"
	"taffrail.dev/events/journal"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

func refusal(id, name string) *eventv1.Event {
	return &eventv1.Event{
		Id: id, What: eventv1.What_REFUSED, Encoding: eventv1.Encoding_ENCODING_PROTOBUF,
		Object: &eventv1.ObjectRef{Version: "v1", Kind: "Pod", Resource: "pods", Namespace: "shop", Name: name},
	}
}

// ended is a context that has ended: Run appends what is queued and returns.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func (l *Log) count(result string) float64 {
	return testutil.ToFloat64(l.records.WithLabelValues(result))
}

func TestRefusalsAreAppendedInOrder(t *testing.T) {
	t.Parallel()
	j := journal.NewMemory(nil)
	l := New(j, prometheus.NewRegistry(), zap.NewNop())
	for i, name := range []string{"a", "b", "a", "a"} {
		l.Take(refusal(fmt.Sprint(i), name))
	}
	if err := l.Run(ended()); err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"a", "b", "a", "a"} {
		m, err := j.Get(t.Context(), uint64(i)+1)
		if err != nil {
			t.Fatal(err)
		}
		e, err := envelope.Decode(m.Subject, m.Data)
		if err != nil || e.GetId() != fmt.Sprint(i) || e.GetObject().GetName() != name {
			t.Errorf("message %d is %v, %v", i, e, err)
		}
	}
	if got := l.count("appended"); got != 4 {
		t.Errorf("%v counted as appended", got)
	}
}

func TestWhatDoesNotFitIsCounted(t *testing.T) {
	t.Parallel()
	l := New(journal.NewMemory(nil), prometheus.NewRegistry(), zap.NewNop())
	for i := range queued + 3 {
		e := refusal("x", "a")
		e.Actor = &eventv1.Actor{User: fmt.Sprint(i)}
		l.Take(e)
	}
	if got := l.count("dropped"); got != 3 {
		t.Errorf("%v dropped, want 3", got)
	}
}

func TestRefusalsThatRepeatAreCounted(t *testing.T) {
	t.Parallel()
	l := New(journal.NewMemory(nil), prometheus.NewRegistry(), zap.NewNop())
	take := func(user string, minute int64, times int) {
		for range times {
			e := refusal("x", "a")
			e.Actor, e.Time = &eventv1.Actor{User: user}, minute*int64(time.Minute)
			l.Take(e)
		}
	}
	take("ann", 1, perMinute+5)
	take("bob", 1, 1)
	take("ann", 2, 1)
	if got := l.count("repeated"); got != 5 || len(l.queue) != perMinute+2 {
		t.Errorf("%v repeated, %d queued", got, len(l.queue))
	}
}

func TestActorsAreBounded(t *testing.T) {
	t.Parallel()
	var m minute
	for i := range maxActors + perMinute {
		e := refusal("x", "a")
		e.Actor = &eventv1.Actor{User: fmt.Sprint(i)}
		if !m.take(e) {
			t.Fatalf("refusal %d is not kept", i)
		}
	}
	e := refusal("x", "a")
	e.Actor = &eventv1.Actor{User: "one more"}
	if m.take(e) || len(m.kept) > maxActors+1 {
		t.Errorf("%d actors", len(m.kept))
	}
}

// broken fails as many appends as it says.
type broken struct {
	journal.Writer
	failures int
}

func (b *broken) Append(ctx context.Context, records ...journal.Record) ([]uint64, error) {
	if b.failures--; b.failures >= 0 {
		return nil, errors.New("no journal")
	}
	return b.Writer.Append(ctx, records...)
}

func TestAnAppendIsRepeatedOnce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		failures         int
		appended, failed float64
	}{{1, 1, 0}, {2, 0, 1}} {
		l := New(&broken{journal.NewMemory(nil), c.failures}, prometheus.NewRegistry(), zap.NewNop())
		l.Take(refusal("x", "a"))
		if err := l.Run(ended()); err != nil {
			t.Fatal(err)
		}
		if l.count("appended") != c.appended || l.count("failed") != c.failed {
			t.Errorf("%d failures: %v appended, %v failed", c.failures, l.count("appended"), l.count("failed"))
		}
	}
}
