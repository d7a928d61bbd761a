package endpoints

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
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

// BenchmarkDecide is a Service of 5,000 pods of which one has changed.
func BenchmarkDecide(b *testing.B) {
	const many = 5000
	s, sequence, labels := newState(), uint64(0), map[string]string{"app": "web"}
	next := func() uint64 { sequence++; return sequence }
	svc := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "service"},
		Spec:       corev1.ServiceSpec{Selector: labels, ClusterIP: "10.96.0.1", Ports: []corev1.ServicePort{{Name: "http", Port: 80}}},
	}
	pod := func(n int, ready corev1.ConditionStatus) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprint(n), UID: types.UID(fmt.Sprint(n)), Labels: labels},
			Status: corev1.PodStatus{
				PodIP:      fmt.Sprintf("10.42.%d.%d", n/250, n%250+1),
				Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}},
			},
		}
	}
	s.Apply(event(b, subject.Services, "Service", next(), eventv1.What_CREATED, svc, svc))
	for n := range many {
		p := pod(n, corev1.ConditionTrue)
		s.Apply(event(b, subject.Pods, "Pod", next(), eventv1.What_CREATED, p, p))
	}
	turn := process.Turn{Key: keyOf("shop", "web"), Now: time.Unix(1700000000, 0)}
	for i, c := range s.decide(turn).Commands {
		if c.GetObject().GetResource() == subject.EndpointSlices.Name {
			slice := &discoveryv1.EndpointSlice{}
			if err := slice.Unmarshal(c.GetBody()); err != nil {
				b.Fatal(err)
			}
			slice.Name = fmt.Sprintf("web-%d", i)
			s.Apply(event(b, subject.EndpointSlices, "EndpointSlice", next(), eventv1.What_CREATED, slice, slice))
			continue
		}
		published := &corev1.Endpoints{}
		if err := published.Unmarshal(c.GetBody()); err != nil {
			b.Fatal(err)
		}
		s.Apply(event(b, subject.Endpoints, "Endpoints", next(), eventv1.What_CREATED, published, published))
	}
	if left := len(s.decide(turn).Commands); left != 0 {
		b.Fatalf("%d commands are left", left)
	}
	p := pod(7, corev1.ConditionFalse)
	s.Apply(event(b, subject.Pods, "Pod", next(), eventv1.What_STATUS_CHANGED, p, p))
	b.ReportAllocs()
	for b.Loop() {
		if got := len(s.decide(turn).Commands); got != 2 {
			b.Fatalf("%d commands", got)
		}
	}
}
