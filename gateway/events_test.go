package gateway_test

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
)

// TestRecorder has client-go's recorder for events.k8s.io record an event thrice: one object, in both groups.
func TestRecorder(t *testing.T) {
	t.Parallel()
	c := open(t, t.TempDir()).client(t)
	watch, err := c.EventsV1().Events("default").Watch(t.Context(), metav1.ListOptions{FieldSelector: "regarding.name=web"})
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Stop()
	broadcaster := events.NewBroadcaster(&events.EventSinkImpl{Interface: c.EventsV1()})
	defer broadcaster.Shutdown()
	if err := broadcaster.StartRecordingToSinkWithContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	recorder := broadcaster.NewRecorder(scheme.Scheme, "tester")
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "default", UID: "u"}}
	for range 3 {
		recorder.Eventf(pod, nil, corev1.EventTypeNormal, "Tried", "Trying", "tried %s", "it")
	}
	for counted := int32(0); counted < 2; {
		e, ok := (<-watch.ResultChan()).Object.(*eventsv1.Event)
		if !ok || e.Regarding.Name != "web" || e.Note != "tried it" || e.ReportingController != "tester" {
			t.Fatalf("seen %v", e)
		}
		if counted = 1; e.Series != nil {
			counted = e.Series.Count
		}
	}
	list, err := c.CoreV1().Events("default").List(t.Context(), metav1.ListOptions{FieldSelector: "involvedObject.name=web"})
	if err != nil || len(list.Items) != 1 {
		t.Fatalf("in core: %v, %v", list, err)
	}
	if e := list.Items[0]; e.InvolvedObject.Kind != "Pod" || e.Message != "tried it" || e.ReportingController != "tester" || e.Action != "Trying" {
		t.Errorf("in core: %+v", e)
	}
}

// TestEventsInBothGroups writes in each group and reads in the other.
func TestEventsInBothGroups(t *testing.T) {
	t.Parallel()
	c := open(t, t.TempDir()).client(t)
	now := metav1.NowMicro()
	e := &eventsv1.Event{
		ObjectMeta: metav1.ObjectMeta{Name: "new", Namespace: "default"}, EventTime: now, ReportingController: "a.b/c", ReportingInstance: "i", Action: "A",
		Reason: "R", Type: "Normal", Note: "n", Regarding: corev1.ObjectReference{Kind: "Pod", Name: "p", Namespace: "default"},
	}
	made, err := c.EventsV1().Events("default").Create(t.Context(), e, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	old, err := c.CoreV1().Events("default").Get(t.Context(), "new", metav1.GetOptions{})
	if err != nil || old.UID != made.UID || old.ResourceVersion != made.ResourceVersion || old.Message != "n" {
		t.Fatalf("in core: %v, %v", old, err)
	}
	old.Count, old.LastTimestamp = 3, metav1.NewTime(time.Unix(1700000000, 0))
	if _, err := c.CoreV1().Events("default").Update(t.Context(), old, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	back, err := c.EventsV1().Events("default").List(t.Context(), metav1.ListOptions{FieldSelector: "reportingController=a.b/c"})
	if err != nil || len(back.Items) != 1 || back.Items[0].DeprecatedCount != 3 || back.Items[0].ManagedFields[0].APIVersion != "events.k8s.io/v1" {
		t.Errorf("in events.k8s.io: %v, %v", back, err)
	}
	_, err = c.EventsV1().Events("default").Patch(t.Context(), "new", types.MergePatchType, []byte(`{"note":"other"}`), metav1.PatchOptions{})
	if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "message: Invalid value") {
		t.Errorf("a changed note: %v", err)
	}
	e.Name, e.EventTime, e.DeprecatedCount = "bad", metav1.MicroTime{}, 1
	_, err = c.EventsV1().Events("default").Create(t.Context(), e, metav1.CreateOptions{})
	if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "eventTime: Required value") || !strings.Contains(err.Error(), "count: Invalid value: \"\": needs to be unset") {
		t.Errorf("a bad one: %v", err)
	}
}
