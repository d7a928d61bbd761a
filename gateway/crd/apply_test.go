package crd_test

import (
	"encoding/json"
	"strings"
	"testing"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/jsonmergepatch"
)

func steps(t testing.TB, obj *unstructured.Unstructured) string {
	t.Helper()
	list, _, err := unstructured.NestedSlice(obj.Object, "spec", "steps")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, s := range list {
		step := s.(map[string]any)
		command, _ := step["command"].(string)
		out = append(out, step["name"].(string)+"="+command)
	}
	return strings.Join(out, " ")
}

// TestServerSideApply merges by the definition's list types, and keeps two managers apart.
func TestServerSideApply(t *testing.T) {
	t.Parallel()
	d := open(t, t.TempDir())
	d.define(t, backups)
	client := d.dynamic.Resource(gvr("example.com", "v1", "backups")).Namespace("default")
	apply := func(manager, spec string, force bool) (*unstructured.Unstructured, error) {
		return client.Apply(t.Context(), "a", backup(t, "a", spec), metav1.ApplyOptions{FieldManager: manager, Force: force})
	}
	if _, err := apply("one", `{target: db, steps: [{name: dump, command: tar}], tags: [a]}`, false); err != nil {
		t.Fatal(err)
	}
	got, err := apply("two", `{steps: [{name: copy, command: cp}], tags: [b]}`, false)
	if err != nil || steps(t, got) != "dump=tar copy=cp" || len(got.Object["spec"].(map[string]any)["tags"].([]any)) != 2 {
		t.Fatalf("merged %v, %v", got, err)
	}
	_, err = apply("two", `{steps: [{name: dump, command: zip}]}`, false)
	if !apierrors.IsConflict(err) || !strings.Contains(err.Error(), `.spec.steps[name="dump"].command`) {
		t.Errorf("a conflict: %v", err)
	}
	if got, err = apply("two", `{steps: [{name: dump, command: zip}]}`, true); err != nil || steps(t, got) != "dump=zip" {
		t.Errorf("forced %v, %v", got, err)
	}
	if got, err = apply("one", `{target: db}`, false); err != nil || steps(t, got) != "dump=zip" {
		t.Errorf("given up %v, %v", got, err)
	}
	version := got.GetResourceVersion()
	if got, err = apply("one", `{target: db}`, false); err != nil || got.GetResourceVersion() != version {
		t.Errorf("the same again was written: %v, %v", got, err)
	}
	managers := map[string]bool{}
	for _, m := range got.GetManagedFields() {
		managers[m.Manager] = m.APIVersion == "example.com/v1" && m.Operation == metav1.ManagedFieldsOperationApply
	}
	if !managers["one"] || !managers["two"] {
		t.Errorf("managers %v", got.GetManagedFields())
	}
	if _, err = client.Apply(t.Context(), "a", backup(t, "a", `{nothing: x}`), metav1.ApplyOptions{FieldManager: "one"}); err == nil || !strings.Contains(err.Error(), ".spec.nothing: field not declared in schema") {
		t.Errorf("an unknown field: %v", err)
	}
}

// TestClientSideApply does what kubectl apply does for kinds that it has no Go type of: a JSON merge patch of three ways.
func TestClientSideApply(t *testing.T) {
	t.Parallel()
	d := open(t, t.TempDir())
	d.define(t, backups)
	client := d.dynamic.Resource(gvr("example.com", "v1", "backups")).Namespace("default")
	apply := func(spec string) *unstructured.Unstructured {
		t.Helper()
		next := backup(t, "a", spec)
		current, err := client.Get(t.Context(), "a", metav1.GetOptions{})
		text, _ := json.Marshal(next)
		next.SetAnnotations(map[string]string{"kubectl.kubernetes.io/last-applied-configuration": string(text)})
		if apierrors.IsNotFound(err) {
			made, err := client.Create(t.Context(), next, metav1.CreateOptions{FieldManager: "kubectl-client-side-apply"})
			if err != nil {
				t.Fatal(err)
			}
			return made
		}
		was, _ := json.Marshal(current)
		want, _ := json.Marshal(next)
		patch, err := jsonmergepatch.CreateThreeWayJSONMergePatch([]byte(current.GetAnnotations()["kubectl.kubernetes.io/last-applied-configuration"]), want, was)
		if err != nil {
			t.Fatal(err)
		}
		out, err := client.Patch(t.Context(), "a", types.MergePatchType, patch, metav1.PatchOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	apply(`{target: db, note: first, port: http}`)
	got := apply(`{target: db, copies: 2, port: 80}`)
	if spec := got.Object["spec"].(map[string]any); spec["note"] != nil || spec["copies"] != int64(2) || spec["port"] != int64(80) {
		t.Errorf("applied %v", spec)
	}
	if read, err := client.Get(t.Context(), "a", metav1.GetOptions{}); err != nil || read.GetResourceVersion() != got.GetResourceVersion() {
		t.Errorf("read %v, %v", read, err)
	}
	patch, _ := json.Marshal([]jsonpatch.Operation{})
	if same, err := client.Patch(t.Context(), "a", types.JSONPatchType, patch, metav1.PatchOptions{}); err != nil || same.GetResourceVersion() != got.GetResourceVersion() {
		t.Errorf("patched by nothing: %v, %v", same, err)
	}
}
