package replicaset

import (
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

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

const many = 5000

func filled(tb testing.TB) (*state, []*fold.Event) {
	s, size := newState(), int32(many)
	labels := map[string]string{"app": "web"}
	rs := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "set"},
		Spec:       appsv1.ReplicaSetSpec{Replicas: &size, Selector: &metav1.LabelSelector{MatchLabels: labels}},
	}
	s.Apply(event(tb, subject.ReplicaSets, "ReplicaSet", 1, eventv1.What_CREATED, rs, rs))
	var events []*fold.Event
	for n := range many {
		p := podOf(rs)
		p.Name, p.UID, p.Labels = fmt.Sprintf("web-%d", n), types.UID(fmt.Sprint(n)), labels
		p.Spec.NodeName, p.Status.Phase = fmt.Sprintf("node-%d", n%100), corev1.PodRunning
		events = append(events, event(tb, subject.Pods, "Pod", uint64(n+2), eventv1.What_CREATED, p, p))
	}
	return s, events
}

// BenchmarkApply folds 5,000 pods of one set; decoding them is not counted.
func BenchmarkApply(b *testing.B) {
	_, events := filled(b)
	for _, e := range events {
		if _, err := fold.Decode[corev1.Pod, *corev1.Pod](e); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		s, _ := newState(), 0
		for _, e := range events {
			s.Apply(e)
		}
	}
}

// BenchmarkDecide decides a set of 5,000 pods: its status, and who goes when it halves.
func BenchmarkDecide(b *testing.B) {
	s, events := filled(b)
	for _, e := range events {
		s.Apply(e)
	}
	turn := process.Turn{Key: keyOf("shop", "web"), Now: time.Unix(1700000000, 0)}
	b.Run("status", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if got := len(s.decide(turn).Commands); got != 1 {
				b.Fatalf("%d commands", got)
			}
		}
	})
	half := s.sets.Get("shop", "web").DeepCopy()
	*half.Spec.Replicas, half.Generation = many/2, 2
	s.Apply(event(b, subject.ReplicaSets, "ReplicaSet", 1<<20, eventv1.What_SPEC_CHANGED, half, half))
	b.Run("halve", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if got := len(s.decide(turn).Commands); got != burst {
				b.Fatalf("%d commands", got)
			}
		}
	})
}
