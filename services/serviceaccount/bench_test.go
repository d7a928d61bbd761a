package serviceaccount

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/events/command"
	"taffrail.dev/events/fold"
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

func event(tb testing.TB, r subject.Resource, kind string, sequence uint64, what eventv1.What, o metav1.Object, m command.Marshaler) *fold.Event {
	tb.Helper()
	b, err := m.Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	return &fold.Event{Stream: subject.StreamOf(r), Sequence: sequence, Event: &eventv1.Event{
		What: what, State: b, Object: &eventv1.ObjectRef{Group: r.Group, Resource: r.Name, Kind: kind, Namespace: o.GetNamespace(), Name: o.GetName()},
	}}
}

// BenchmarkFill folds and decides 5,000 new namespaces.
func BenchmarkFill(b *testing.B) {
	var events []*fold.Event
	for i := range 5000 {
		n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint(i)}}
		events = append(events, event(b, subject.Namespaces, "Namespace", uint64(i+1), eventv1.What_CREATED, n, n))
	}
	b.ReportAllocs()
	for b.Loop() {
		s := newState("PEM")
		for _, e := range events {
			for _, key := range s.Apply(e) {
				if got := len(s.decide(process.Turn{Key: key, Now: time.Unix(1700000000, 0)}).Commands); got != 2 {
					b.Fatalf("%d commands", got)
				}
			}
		}
	}
}
