package namespace

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

// BenchmarkDecide is the first turn of a namespace of 5,000 objects.
func BenchmarkDecide(b *testing.B) {
	s, now := newState(), metav1.NewTime(time.Unix(1700000000, 0))
	n := &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{Name: "shop", DeletionTimestamp: &now},
		Spec:       corev1.NamespaceSpec{Finalizers: []corev1.FinalizerName{corev1.FinalizerKubernetes}},
	}
	s.Apply(event(b, subject.Namespaces, "Namespace", 1, eventv1.What_CREATED, n, n))
	for i := range 5000 {
		c := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprint(i)}}
		s.Apply(event(b, subject.ConfigMaps, "ConfigMap", uint64(i+2), eventv1.What_CREATED, c, c))
	}
	turn := process.Turn{Key: subject.Object{Resource: subject.Namespaces, Name: "shop"}, Now: now.Time}
	b.ReportAllocs()
	for b.Loop() {
		if got := len(s.decide(turn).Commands); got != burst {
			b.Fatalf("%d commands", got)
		}
	}
}
