package rest_test

import (
	"context"
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/events/envelope"
	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/admission"
	"taffrail.dev/gateway/kind"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

// judge is a plugin that notes a change, judges what is to be stored and charges every write.
type judge struct{ seen chan kind.Object }

var (
	_ admission.Validator = judge{}
	_ admission.Charger   = judge{}
)

func (judge) Name() string { return "Judge" }

func (judge) Admit(_ context.Context, r *kind.Request, obj, _ kind.Object) error {
	if obj != nil && r.Kind.Resource == "pods" {
		obj.SetLabels(map[string]string{"judged": "yes"})
		r.Step(&eventv1.AdmissionStep{Plugin: "Judge", Paths: []string{"/metadata/labels"}})
	}
	return nil
}

func (j judge) Validate(_ context.Context, _ *kind.Request, obj, _ kind.Object) error {
	if obj != nil {
		j.seen <- obj
		if obj.GetName() == "bad" {
			return errors.New("it is bad")
		}
	}
	return nil
}

func (judge) Lane(r *kind.Request) string { return r.Namespace }

func (judge) Charge(_ context.Context, r *kind.Request, tx kind.Tx, obj, _ kind.Object) error {
	if r.Kind.Resource == "pods" && r.Verb == "create" {
		tx.Create(subject.ConfigMaps, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: obj.GetNamespace(), Name: "of-" + obj.GetName()}})
	}
	return nil
}

func TestPluginsJudgeAndChargeWhatIsStored(t *testing.T) {
	t.Parallel()
	j := judge{seen: make(chan kind.Object, 9)}
	w := serve(t, j)
	c := w.client(t, "application/json")
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "good"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: "b"}}},
		Status: corev1.PodStatus{Phase: corev1.PodFailed},
	}
	made, err := c.CoreV1().Pods("shop").Create(t.Context(), pod, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if seen := (<-j.seen).(*corev1.Pod); seen.Status.Phase != corev1.PodPending || seen.Labels["judged"] != "yes" {
		t.Errorf("judged before it was prepared: %v", seen)
	}
	if _, err := c.CoreV1().ConfigMaps("shop").Get(t.Context(), "of-good", metav1.GetOptions{}); err != nil {
		t.Errorf("the charge was not appended: %v", err)
	}
	m, err := w.Journals[subject.State].GetLast(t.Context(), subject.Object{Resource: subject.Pods, Namespace: "shop", Name: "good"}.Subject())
	if err != nil {
		t.Fatal(err)
	}
	event, err := envelope.Decode(m.Subject, m.Data)
	if err != nil {
		t.Fatal(err)
	}
	if steps := event.GetAdmission().GetSteps(); len(steps) != 1 || steps[0].GetPaths()[0] != "/metadata/labels" {
		t.Errorf("event of %s has steps %v", made.ResourceVersion, steps)
	}
	pod.Name = "bad"
	_, err = c.CoreV1().Pods("shop").Create(t.Context(), pod, metav1.CreateOptions{})
	if want := `pods "bad" is forbidden: admission plugin "Judge": it is bad`; err == nil || err.Error() != want || !apierrors.IsForbidden(err) {
		t.Errorf("answer %v, want %s", err, want)
	}
	<-j.seen
}
