package record_test

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/events/fold"
	"taffrail.dev/events/subject"
	commandv1 "taffrail.dev/proto/gen/command/v1"
	eventv1 "taffrail.dev/proto/gen/event/v1"
	"taffrail.dev/services/record"
)

func recorded(t *testing.T, c *commandv1.Command) *corev1.Event {
	t.Helper()
	var e corev1.Event
	if err := e.Unmarshal(c.GetBody()); err != nil {
		t.Fatal(err)
	}
	return &e
}

func TestRepeatsCountUpOneEvent(t *testing.T) {
	t.Parallel()
	now := time.Unix(1700000000, 0)
	about := record.About("v1", "Pod", &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "u"}})
	log := record.NewLog("replicaset")
	first := log.Normal(now, about, "SuccessfulCreate", "Created pod: %s", "web-1")
	if first.GetVerb() != commandv1.Verb_CREATE {
		t.Fatalf("the first is a %v", first.GetVerb())
	}
	for i, want := range []commandv1.Verb{commandv1.Verb_CREATE, commandv1.Verb_UPDATE} {
		actor := []string{"system:taffrail:deployment", "system:taffrail:replicaset"}[i]
		log.Apply(&fold.Event{Stream: subject.Events, Sequence: 4, Event: &eventv1.Event{
			Actor: &eventv1.Actor{User: actor}, What: eventv1.What_CREATED, Object: first.GetObject(), State: first.GetBody(),
		}})
		again := log.Normal(now.Add(time.Second), about, "SuccessfulCreate", "Created pod: %s", "web-1")
		if again.GetVerb() != want {
			t.Fatalf("after an event of %s: %v", actor, again.GetVerb())
		}
		if want == commandv1.Verb_UPDATE {
			a, b := recorded(t, first), recorded(t, again)
			if a.Name != b.Name || b.Count != 2 || !b.FirstTimestamp.Equal(&a.FirstTimestamp) || !b.LastTimestamp.Time.After(b.FirstTimestamp.Time) {
				t.Fatalf("second is %+v", b)
			}
		}
	}
	if other := log.Normal(now, about, "SuccessfulCreate", "Created pod: web-2"); other.GetVerb() != commandv1.Verb_CREATE {
		t.Fatal("another message counts up the same event")
	}
}
