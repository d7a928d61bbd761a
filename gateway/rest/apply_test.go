package rest_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	typed "k8s.io/client-go/kubernetes/typed/core/v1"
)

func apply(t *testing.T, maps typed.ConfigMapInterface, manager, data string, force bool) (*corev1.ConfigMap, error) {
	t.Helper()
	return maps.Patch(t.Context(), "a", types.ApplyPatchType,
		[]byte(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":`+data+`}`),
		metav1.PatchOptions{FieldManager: manager, Force: &force})
}

func TestApply(t *testing.T) {
	t.Parallel()
	maps := serve(t).client(t, asJSON).CoreV1().ConfigMaps("ns")
	made, err := apply(t, maps, "one", `{"x":"1","y":"1"}`, false)
	if err != nil || made.Data["y"] != "1" || made.UID == "" {
		t.Fatalf("%v %+v", err, made)
	}
	same, err := apply(t, maps, "one", `{"x":"1","y":"1"}`, false)
	if err != nil || same.ResourceVersion != made.ResourceVersion {
		t.Fatalf("the same again: %v, %s after %s", err, same.ResourceVersion, made.ResourceVersion)
	}
	_, err = apply(t, maps, "two", `{"x":"2"}`, false)
	if !apierrors.IsConflict(err) || !strings.Contains(err.Error(), `conflict with "one": .data.x`) {
		t.Fatalf("conflict: %v", err)
	}
	if causes := err.(apierrors.APIStatus).Status().Details.Causes; len(causes) != 1 || causes[0].Type != metav1.CauseTypeFieldManagerConflict {
		t.Fatalf("causes: %+v", causes)
	}
	forced, err := apply(t, maps, "two", `{"x":"2"}`, true)
	if err != nil || forced.Data["x"] != "2" || forced.Data["y"] != "1" {
		t.Fatalf("forced: %v %+v", err, forced)
	}
	left, err := apply(t, maps, "one", `{}`, false)
	if err != nil || left.Data["x"] != "2" || left.Data["y"] != "" {
		t.Fatalf("given up: %v %+v", err, left.Data)
	}
	if _, err := apply(t, maps, "", `{}`, false); !apierrors.IsBadRequest(err) && !apierrors.IsInvalid(err) {
		t.Fatalf("without a manager: %v", err)
	}
}

func TestPatches(t *testing.T) {
	t.Parallel()
	maps := serve(t).client(t, asJSON).CoreV1().ConfigMaps("ns")
	if _, err := maps.Create(t.Context(), configMap("a", map[string]string{"x": "1"}), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, patch string
		kind        types.PatchType
		reason      metav1.StatusReason
		want        string
	}{
		{"merge", `{"data":{"x":"2","z":null}}`, types.MergePatchType, "", "2"},
		{"json", `[{"op":"test","path":"/data/x","value":"2"},{"op":"replace","path":"/data/x","value":"3"}]`, types.JSONPatchType, "", "3"},
		{"strategic", `{"data":{"x":"4"}}`, types.StrategicMergePatchType, "", "4"},
		{"failed test", `[{"op":"test","path":"/data/x","value":"9"}]`, types.JSONPatchType, metav1.StatusReasonInvalid, ""},
		{"no patch", `{`, types.MergePatchType, metav1.StatusReasonBadRequest, ""},
		{"wrong type", `{"data":[]}`, types.MergePatchType, metav1.StatusReasonInvalid, ""},
		{"stale version", `{"metadata":{"resourceVersion":"1"},"data":{"x":"5"}}`, types.MergePatchType, metav1.StatusReasonConflict, ""},
		{"other name", `{"metadata":{"name":"b"}}`, types.MergePatchType, metav1.StatusReasonBadRequest, ""},
		{"unknown format", `{}`, "application/what", metav1.StatusReasonUnsupportedMediaType, ""},
	} {
		got, err := maps.Patch(t.Context(), "a", c.kind, []byte(c.patch), metav1.PatchOptions{})
		if reason := apierrors.ReasonForError(err); err != nil && reason != c.reason || err == nil && got.Data["x"] != c.want {
			t.Errorf("%s: %v (%s) %v", c.name, err, reason, got)
		}
	}
}

func TestDryRun(t *testing.T) {
	t.Parallel()
	maps := serve(t).client(t, asProtobuf).CoreV1().ConfigMaps("ns")
	made, err := maps.Create(t.Context(), configMap("a", nil), metav1.CreateOptions{DryRun: []string{"All"}})
	if err != nil || made.UID == "" {
		t.Fatalf("%v %+v", err, made)
	}
	if _, err := maps.Get(t.Context(), "a", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Fatalf("a dry run was stored: %v", err)
	}
}
