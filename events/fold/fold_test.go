package fold_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"taffrail.dev/events/envelope"
	"taffrail.dev/events/errs"
	"taffrail.dev/events/fold"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

// pod is an API object of the tests, in JSON.
type pod struct {
	Value           int
	ResourceVersion string `json:"-"`
}

func (p *pod) Marshal() ([]byte, error)    { return json.Marshal(p) }
func (p *pod) Unmarshal(b []byte) error    { return json.Unmarshal(b, p) }
func (p *pod) SetResourceVersion(v string) { p.ResourceVersion = v }

func podNamed(namespace string, i int) subject.Object {
	return subject.Object{Resource: subject.Pods, Namespace: namespace, Name: fmt.Sprintf("pod-%d", i)}
}

// eventOn is the content of an event of an object.
func eventOn(o subject.Object, what eventv1.What, value int) *eventv1.Event {
	state, err := (&pod{Value: value}).Marshal()
	if err != nil {
		panic(err)
	}
	return &eventv1.Event{
		Id: fmt.Sprintf("%s-%d-%d", o, what, value), What: what, Encoding: eventv1.Encoding_ENCODING_PROTOBUF, State: state,
		Object: &eventv1.ObjectRef{Group: o.Group, Resource: o.Resource.Name, Namespace: o.Namespace, Name: o.Name},
	}
}

// history is n random changes of a few objects, in a journal.
func history(t testing.TB, n, objects int) *journal.Memory {
	t.Helper()
	j := journal.NewMemory(nil)
	random := rand.New(rand.NewPCG(1, uint64(n)))
	for i := range n {
		o := podNamed(fmt.Sprintf("ns-%d", random.IntN(3)), random.IntN(objects))
		if random.IntN(5) == 0 {
			o.Resource = subject.ConfigMaps
		}
		what := eventv1.What_SPEC_CHANGED
		if random.IntN(4) == 0 {
			what = eventv1.What_DELETED
		}
		appendTo(t, j, eventOn(o, what, i))
	}
	return j
}

func appendTo(t testing.TB, j journal.Writer, e *eventv1.Event) uint64 {
	t.Helper()
	data, err := envelope.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	got, err := j.Append(context.Background(), journal.Record{Subject: envelope.Object(e).Subject(), Expect: journal.Any, Data: data})
	if err != nil {
		t.Fatal(err)
	}
	return got[0]
}

// events of a journal, freshly decoded.
func events(t testing.TB, j *journal.Memory) []*fold.Event {
	t.Helper()
	var out []*fold.Event
	last, _ := j.Last(context.Background())
	for s := uint64(1); s <= last; s++ {
		m, err := j.Get(context.Background(), s)
		if err != nil {
			t.Fatal(err)
		}
		e, err := envelope.Decode(m.Subject, m.Data)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, &fold.Event{Event: e, Stream: subject.State, Sequence: s})
	}
	return out
}

type store = fold.Store[pod, *pod]

func newStore() *store { return fold.NewStore[pod](subject.Pods) }

func apply(t testing.TB, s *store, events []*fold.Event) {
	t.Helper()
	for _, e := range events {
		if _, _, err := s.Apply(e); err != nil {
			t.Fatal(err)
		}
	}
}

// content is a store's objects as they can be compared.
func content(s *store) []pod {
	out := []pod{}
	for _, p := range s.All() {
		out = append(out, *p)
	}
	return out
}

func TestReplayLaws(t *testing.T) {
	t.Parallel()
	j := history(t, 200, 8)
	all := events(t, j)
	whole := newStore()
	apply(t, whole, all)
	want := content(whole)
	if len(want) == 0 || len(want) != whole.Len() {
		t.Fatalf("%d objects of %d", len(want), whole.Len())
	}
	for cut := range all {
		s := newStore()
		apply(t, s, all[:cut])
		apply(t, s, all[cut:])
		if !reflect.DeepEqual(content(s), want) {
			t.Fatalf("cut at %d differs", cut)
		}
		apply(t, s, all[cut:]) // once more
		if !reflect.DeepEqual(content(s), want) {
			t.Fatalf("a second time from %d on differs", cut)
		}
	}
}

func TestStore(t *testing.T) {
	t.Parallel()
	s := newStore()
	put := func(seq uint64, o subject.Object, what eventv1.What, value int) (*pod, *pod) {
		before, after, err := s.Apply(&fold.Event{Event: eventOn(o, what, value), Stream: subject.State, Sequence: seq})
		if err != nil {
			t.Fatal(err)
		}
		return before, after
	}
	a, b := podNamed("x", 1), podNamed("x", 2)
	if before, after := put(1, b, eventv1.What_CREATED, 1); before != nil || after.Value != 1 || after.ResourceVersion != "1" {
		t.Errorf("create: %v %v", before, after)
	}
	put(2, a, eventv1.What_CREATED, 2)
	if before, after := put(3, b, eventv1.What_SPEC_CHANGED, 3); before.Value != 1 || after.Value != 3 {
		t.Errorf("change: %v %v", before, after)
	}
	if in := s.In("x"); len(in) != 2 || in[0].Value != 2 || in[1].Value != 3 {
		t.Errorf("in x: %v", in)
	}
	if before, after := put(2, a, eventv1.What_DELETED, 2); before != after || s.Len() != 2 {
		t.Errorf("an old event counted: %v %v", before, after)
	}
	if before, after := put(4, a, eventv1.What_DELETED, 2); before.Value != 2 || after != nil || s.Get("x", a.Name) != nil || s.Len() != 1 {
		t.Errorf("delete: %v %v", before, after)
	}
	put(5, b, eventv1.What_DELETED, 3)
	if len(s.All()) != 0 || len(s.In("x")) != 0 {
		t.Error("not empty")
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	var p fold.Progress
	released := make(chan uint64, 10)
	for _, s := range []uint64{30, 10, 20} {
		go func() {
			if err := p.WaitFor(context.Background(), subject.State, s); err == nil {
				released <- s
			}
		}()
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if err := p.WaitFor(ctx, subject.Events, 1); !errs.Is(err, errs.Timeout) {
		t.Errorf("got %v", err)
	}
	for i, s := range []uint64{10, 20, 30} {
		p.Advance(subject.State, s)
		p.Advance(subject.State, 1)
		if got := <-released; got != s {
			t.Errorf("%d: %d was released, want %d", i, got, s)
		}
	}
	if p.At(subject.State) != 30 || p.At(subject.Events) != 0 {
		t.Error("went back")
	}
}

var errDone = errors.New("done")
