package process_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"taffrail.dev/events/command"
	"taffrail.dev/events/errs"
	"taffrail.dev/events/fold"
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
	commandv1 "taffrail.dev/proto/gen/command/v1"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

// item is an API object of the tests, in JSON.
type item struct {
	Want, Have      int
	ResourceVersion string `json:"-"`
}

func (i *item) Marshal() ([]byte, error)    { return json.Marshal(i) }
func (i *item) Unmarshal(b []byte) error    { return json.Unmarshal(b, i) }
func (i *item) SetResourceVersion(v string) { i.ResourceVersion = v }

func config(name string) subject.Object {
	return subject.Object{Resource: subject.ConfigMaps, Namespace: "default", Name: name}
}

// bench is a controller's surroundings: a source, and a gateway that updates items.
type bench struct {
	*fold.Memory
	t   *testing.T
	ids atomic.Int64

	mu       sync.Mutex
	commands []*commandv1.Command
	refuse   func(n int, c *commandv1.Command) error // n counts from 1
	under    int
	most     int
	delay    time.Duration
}

func (b *bench) put(o subject.Object, i item, e *eventv1.Event) uint64 {
	b.t.Helper()
	data, err := i.Marshal()
	if err != nil {
		b.t.Fatal(err)
	}
	if e == nil {
		e = &eventv1.Event{}
	}
	e.Id = fmt.Sprintf("event-%d", b.ids.Add(1))
	e.What, e.Encoding, e.State = eventv1.What_SPEC_CHANGED, eventv1.Encoding_ENCODING_PROTOBUF, data
	e.Object = &eventv1.ObjectRef{Group: o.Group, Resource: o.Resource.Name, Namespace: o.Namespace, Name: o.Name}
	seq, err := b.Append(context.Background(), e)
	if err != nil {
		b.t.Fatal(err)
	}
	return seq
}

// Do updates an item as the command's body says.
func (b *bench) Do(ctx context.Context, c *commandv1.Command) (*commandv1.Result, error) {
	b.mu.Lock()
	b.commands = append(b.commands, c)
	n := len(b.commands)
	b.under++
	b.most = max(b.most, b.under)
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		b.under--
		b.mu.Unlock()
	}()
	if b.delay > 0 {
		<-time.After(b.delay) // of the bubble's clock
	}
	if b.refuse != nil {
		if err := b.refuse(n, c); err != nil {
			return nil, err
		}
	}
	var i item
	if err := i.Unmarshal(c.GetBody()); err != nil {
		return nil, err
	}
	o := subject.Object{Resource: subject.Resource{Name: c.GetObject().GetResource()}, Namespace: c.GetObject().GetNamespace(), Name: c.GetObject().GetName()}
	seq := b.put(o, i, &eventv1.Event{Cause: c.GetCause(), Correlation: c.GetCorrelation()})
	return &commandv1.Result{Sequence: seq}, nil
}

func (b *bench) sent() []*commandv1.Command {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.commands)
}

// counter raises Have to Want, one step a turn.
type counter struct {
	items *fold.Store[item, *item]
	turns []process.Turn
	after time.Duration
}

func (c *counter) Apply(e *fold.Event) []subject.Object {
	if _, _, err := c.items.Apply(e); err != nil {
		return nil
	}
	return []subject.Object{e.Key()}
}

func (c *counter) decide(t process.Turn) process.Plan {
	c.turns = append(c.turns, t)
	i := c.items.Get(t.Key.Namespace, t.Key.Name)
	if i == nil || i.Have >= i.Want {
		return process.Plan{After: c.after}
	}
	return process.Plan{Commands: []*commandv1.Command{command.Update(t.Key, "", &item{Want: i.Want, Have: i.Have + 1}, "count")}}
}

func newCounter() (*counter, *process.Controller) {
	c := &counter{items: fold.NewStore[item](subject.ConfigMaps)}
	return c, &process.Controller{
		Spec:  process.Spec{Name: "counter", Reads: []subject.Resource{subject.ConfigMaps}},
		State: c, Decide: c.decide,
	}
}

// run runs a controller in a bubble with a clock of its own; test acts on it from
// outside, between waits until all is quiet.
func run(t *testing.T, prepare func(*bench, *process.Controller, *counter), test func(*bench, *counter)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{Memory: fold.NewMemory(), t: t}
		state, c := newCounter()
		prepare(b, c, state)
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		wg.Go(func() { _ = b.Run(ctx) })
		wg.Go(func() {
			err := c.Run(ctx, process.Deps{Source: b, Commands: b, Metrics: prometheus.NewRegistry()})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("run: %v", err)
			}
		})
		<-time.After(time.Second)
		synctest.Wait()
		test(b, state)
		cancel()
		wg.Wait()
	})
}

func TestConvergesWithOneCommandPerStep(t *testing.T) {
	t.Parallel()
	run(t, func(b *bench, _ *process.Controller, _ *counter) {
		b.put(config("a"), item{Want: 3}, nil)
		b.put(config("b"), item{Want: 1}, nil)
	}, func(b *bench, c *counter) {
		if n := len(b.sent()); n != 4 {
			t.Errorf("%d commands, want 4: a key was decided before its effect was folded", n)
		}
		if c.items.Get("default", "a").Have != 3 || c.items.Get("default", "b").Have != 1 {
			t.Error("not converged")
		}
		// The first step reacts to the user's event, each further one to the step before;
		// all have the user's event as their root.
		for i, s := range b.sent() {
			if s.GetId() == "" || s.GetCause() == 0 || s.GetCorrelation() > 2 || s.GetCorrelation() == 0 {
				t.Errorf("command %d: id %q, cause %d, correlation %d", i, s.GetId(), s.GetCause(), s.GetCorrelation())
			}
		}
	})
}

func TestBacksOff(t *testing.T) {
	t.Parallel()
	var times []time.Time
	run(t, func(b *bench, _ *process.Controller, _ *counter) {
		b.put(config("a"), item{Want: 1}, nil)
		b.refuse = func(n int, _ *commandv1.Command) error {
			times = append(times, time.Now())
			if n <= 3 {
				return errs.F("send command", errs.Forbidden, "no")
			}
			return nil
		}
	}, func(b *bench, c *counter) {
		if len(times) != 4 {
			t.Fatalf("%d tries", len(times))
		}
		for i, want := range []time.Duration{50, 100, 200} {
			if got := times[i+1].Sub(times[i]); got != want*time.Millisecond {
				t.Errorf("wait %d is %v, want %vms", i, got, int(want))
			}
		}
		if last := c.turns[3]; last.Failures != 3 || !errs.Is(last.Err, errs.Forbidden) {
			t.Errorf("the last turn has %d failures, %v", last.Failures, last.Err)
		}
	})
}

func TestConflictIsRetriedOnNewerEvent(t *testing.T) {
	t.Parallel()
	run(t, func(b *bench, _ *process.Controller, _ *counter) {
		b.put(config("a"), item{Want: 1}, nil)
		b.refuse = func(n int, _ *commandv1.Command) error {
			if n == 1 {
				b.put(config("a"), item{Want: 1}, nil) // who won the race
				return errs.F("send command", errs.Conflict, "lost")
			}
			return nil
		}
	}, func(b *bench, c *counter) {
		if len(c.turns) != 3 || c.turns[1].Now.Sub(c.turns[0].Now) > 10*time.Millisecond || c.turns[1].Failures != 1 {
			t.Errorf("turns %+v", c.turns)
		}
	})
}

func TestAfter(t *testing.T) {
	t.Parallel()
	run(t, func(b *bench, _ *process.Controller, c *counter) {
		b.put(config("a"), item{}, nil)
		c.after = time.Minute
	}, func(b *bench, c *counter) {
		<-time.After(3 * time.Minute)
		synctest.Wait()
		if len(c.turns) != 4 || c.turns[0].Cause == nil || c.turns[1].Cause != nil {
			t.Errorf("%d turns: %+v", len(c.turns), c.turns)
		}
	})
}

func TestParallelAndOrder(t *testing.T) {
	t.Parallel()
	run(t, func(b *bench, c *process.Controller, _ *counter) {
		for i := range 20 {
			b.put(config(fmt.Sprintf("i%02d", i)), item{Want: 1}, nil)
		}
		b.delay, c.Parallel = 10*time.Millisecond, 4
		c.Before = func(x, y subject.Object) bool { return x.Name > y.Name }
	}, func(b *bench, c *counter) {
		if b.most != 4 {
			t.Errorf("%d commands at once, want 4", b.most)
		}
		for i, s := range b.sent()[:4] {
			if got := s.GetObject().GetName(); got < "i16" {
				t.Errorf("command %d is for %s", i, got)
			}
		}
	})
}

func TestNotesAreSentOnceAndTheirFailureIsNone(t *testing.T) {
	t.Parallel()
	run(t, func(b *bench, c *process.Controller, s *counter) {
		b.put(config("a"), item{Want: 1}, nil)
		decide := c.Decide
		c.Decide = func(turn process.Turn) process.Plan {
			p := decide(turn)
			if len(p.Commands) > 0 {
				p.Notes = func(answers []process.Answer) []*commandv1.Command {
					return []*commandv1.Command{command.Create(subject.Object{Resource: subject.CoreEvents}, &item{}, answers[0].Command.GetReason())}
				}
			}
			return p
		}
		b.refuse = func(_ int, c *commandv1.Command) error {
			if c.GetObject().GetResource() == "events" {
				return errs.F("send command", errs.Forbidden, "no")
			}
			return nil
		}
	}, func(b *bench, c *counter) {
		sent := b.sent()
		if len(sent) != 2 || sent[1].GetReason() != "count" || sent[1].GetCause() == 0 {
			t.Errorf("sent %v", sent)
		}
	})
}

func TestATurnGoesOnWithTheAnswersToWhatItAsked(t *testing.T) {
	t.Parallel()
	for _, refused := range []bool{false, true} {
		asked := 0
		run(t, func(b *bench, c *process.Controller, s *counter) {
			b.put(config("a"), item{Want: 1}, nil)
			decide := c.Decide
			c.Decide = func(turn process.Turn) process.Plan {
				next := decide(turn)
				if len(next.Commands) == 0 {
					return next
				}
				ask := command.Create(subject.Object{Resource: subject.Secrets, Name: "question"}, &item{}, "may I?")
				return process.Plan{Commands: []*commandv1.Command{ask}, Then: func(answers []process.Answer) process.Plan {
					if len(answers) != 1 || answers[0].Err != nil {
						t.Errorf("answers %v", answers)
					}
					return next
				}}
			}
			b.refuse = func(_ int, c *commandv1.Command) error {
				if c.GetObject().GetResource() != "secrets" {
					return nil
				}
				if asked++; refused && asked == 1 {
					return errs.F("send command", errs.Forbidden, "no")
				}
				return nil
			}
		}, func(b *bench, c *counter) {
			want := []string{"secrets", "configmaps"}
			if refused {
				want = []string{"secrets", "secrets", "configmaps"}
			}
			var got []string
			for _, s := range b.sent() {
				got = append(got, s.GetObject().GetResource())
			}
			if !slices.Equal(got, want) || c.items.Get("default", "a").Have != 1 {
				t.Errorf("refused %t: sent %v, want %v", refused, got, want)
			}
			if sent := b.sent(); !refused && sent[1].GetCause() == 0 {
				t.Error("what followed has lost its cause")
			}
		})
	}
}
