package garbage

import (
	"fmt"
	"testing"
	"time"

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

// BenchmarkApply folds an owner, its 5,000 dependents and its end, and decides them all.
func BenchmarkApply(b *testing.B) {
	const many = 5000
	owner := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "owner", UID: "owner"}}
	events := []*fold.Event{event(b, subject.ConfigMaps, "ConfigMap", 1, eventv1.What_CREATED, owner, owner)}
	for i := range many {
		c := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: fmt.Sprint(i), UID: types.UID(fmt.Sprint(i)),
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "owner", UID: "owner"}},
		}}
		events = append(events, event(b, subject.ConfigMaps, "ConfigMap", uint64(i+2), eventv1.What_CREATED, c, c))
	}
	end := event(b, subject.ConfigMaps, "ConfigMap", many+2, eventv1.What_DELETED, owner, owner)
	b.ReportAllocs()
	for b.Loop() {
		s := newState([]subject.Resource{subject.ConfigMaps})
		for _, e := range events {
			s.Apply(e)
		}
		deleted := 0
		for _, key := range s.Apply(end) {
			deleted += len(s.decide(process.Turn{Key: key, Now: time.Unix(1700000000, 0)}).Commands)
		}
		if deleted != many {
			b.Fatalf("%d deletions", deleted)
		}
	}
}
