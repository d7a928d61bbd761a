package crd_test

import (
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

const backups = `
metadata: {name: backups.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: backups, kind: Backup, shortNames: [bk], categories: [all]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources:
      status: {}
      scale: {specReplicasPath: .spec.copies, statusReplicasPath: .status.copies, labelSelectorPath: .status.selector}
    selectableFields: [{jsonPath: .spec.target}]
    additionalPrinterColumns:
    - {name: Target, type: string, jsonPath: .spec.target}
    - {name: Copies, type: integer, jsonPath: .spec.copies}
    - {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
    schema:
      openAPIV3Schema:
        type: object
        required: [spec]
        properties:
          spec:
            type: object
            required: [target]
            x-kubernetes-validations:
            - {rule: "self.copies <= 5", messageExpression: "self.copies > 8 ? 'far too many copies' : 'too many copies'", reason: FieldValueForbidden, fieldPath: .copies}
            properties:
              target: {type: string, minLength: 1, maxLength: 64, x-kubernetes-validations: [{rule: "self == oldSelf", message: "target cannot be changed"}]}
              copies: {type: integer, format: int32, default: 1, minimum: 0}
              port: {x-kubernetes-int-or-string: true}
              note: {type: string, nullable: true}
              steps:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items:
                  type: object
                  required: [name]
                  properties: {name: {type: string}, command: {type: string}}
              tags: {type: array, x-kubernetes-list-type: set, items: {type: string}}
              free: {type: object, x-kubernetes-preserve-unknown-fields: true}
              template: {type: object, x-kubernetes-embedded-resource: true, x-kubernetes-preserve-unknown-fields: true}
          status:
            type: object
            properties: {copies: {type: integer}, selector: {type: string}, phase: {type: string, enum: [Done, Failed]}}
`

func backup(t testing.TB, name, spec string) *unstructured.Unstructured {
	t.Helper()
	return object(t, "apiVersion: example.com/v1\nkind: Backup\nmetadata: {name: "+name+", namespace: default}\nspec: "+spec)
}

func TestObjects(t *testing.T) {
	t.Parallel()
	d := open(t, t.TempDir())
	defined := d.define(t, backups)
	if c := defined.Status.Conditions; len(c) != 2 || c[0].Status != "True" || c[1].Status != "True" || defined.Status.StoredVersions[0] != "v1" {
		t.Fatalf("status %+v", defined.Status)
	}
	client := d.dynamic.Resource(gvr("example.com", "v1", "backups")).Namespace("default")
	w, err := client.Watch(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	made, err := client.Create(t.Context(), backup(t, "a", `{target: db, port: 80, unknown: x, free: {any: 1}, template: {apiVersion: v1, kind: Pod, metadata: {name: p, odd: x}, more: 1}}`), metav1.CreateOptions{FieldValidation: "Ignore"})
	if err != nil {
		t.Fatal(err)
	}
	spec := made.Object["spec"].(map[string]any)
	if spec["copies"] != int64(1) || spec["unknown"] != nil || spec["free"].(map[string]any)["any"] != int64(1) || made.GetGeneration() != 1 {
		t.Errorf("made %v", made.Object)
	}
	if meta := spec["template"].(map[string]any)["metadata"].(map[string]any); meta["odd"] != nil || meta["name"] != "p" {
		t.Errorf("embedded metadata %v", meta)
	}
	if seen := next(t, w, watch.Added); seen.GetName() != "a" || seen.GetResourceVersion() != made.GetResourceVersion() {
		t.Errorf("seen %v", seen.Object)
	}
	_, err = client.Create(t.Context(), backup(t, "b", `{target: db, unknown: x, copies: 2, copies2: 1}`), metav1.CreateOptions{FieldValidation: "Strict"})
	if !apierrors.IsBadRequest(err) || !strings.Contains(err.Error(), `strict decoding error: unknown field "spec.copies2", unknown field "spec.unknown"`) {
		t.Errorf("strictly: %v", err)
	}
	changes(t, d)
}

// changes goes through the ways to change an object.
func changes(t *testing.T, d *door) {
	t.Helper()
	client := d.dynamic.Resource(gvr("example.com", "v1", "backups")).Namespace("default")
	for patch, want := range map[string]string{
		`{"spec":{"copies":9}}`:               "spec.copies: Forbidden: far too many copies",
		`{"spec":{"copies":"x"}}`:             `spec.copies: Invalid value: "string": spec.copies in body must be of type integer: "string"`,
		`{"spec":{"target":"other"}}`:         `spec.target: Invalid value: "other": target cannot be changed`,
		`{"spec":{"tags":["a","a"]}}`:         `spec.tags[1]: Duplicate value: "a"`,
		`{"spec":{"steps":[{"command":""}]}}`: "spec.steps[0].name: Required value",
	} {
		_, err := client.Patch(t.Context(), "a", types.MergePatchType, []byte(patch), metav1.PatchOptions{})
		if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", patch, err, want)
		}
	}
	if _, err := client.Patch(t.Context(), "a", types.StrategicMergePatchType, []byte(`{}`), metav1.PatchOptions{}); !apierrors.IsUnsupportedMediaType(err) {
		t.Errorf("a strategic patch: %v", err)
	}
	got, err := client.Patch(t.Context(), "a", types.MergePatchType, []byte(`{"spec":{"copies":3,"note":null},"status":{"phase":"Done"}}`), metav1.PatchOptions{})
	if err != nil || got.GetGeneration() != 2 || got.Object["status"] != nil {
		t.Fatalf("patched %v, %v", got, err)
	}
	got, err = client.Patch(t.Context(), "a", types.MergePatchType, []byte(`{"spec":{"copies":1},"status":{"phase":"Done","copies":3}}`), metav1.PatchOptions{}, "status")
	if err != nil || got.GetGeneration() != 2 || got.Object["spec"].(map[string]any)["copies"] != int64(3) {
		t.Fatalf("status %v, %v", got, err)
	}
	if _, err := client.Patch(t.Context(), "a", types.MergePatchType, []byte(`{"status":{"phase":"No"}}`), metav1.PatchOptions{}, "status"); !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), `status.phase: Unsupported value: "No"`) {
		t.Errorf("a bad status: %v", err)
	}
	scale, err := client.Get(t.Context(), "a", metav1.GetOptions{}, "scale")
	if err != nil || scale.GetKind() != "Scale" || scale.Object["status"].(map[string]any)["replicas"] != int64(3) {
		t.Fatalf("scale %v, %v", scale, err)
	}
	if _, err = client.Patch(t.Context(), "a", types.MergePatchType, []byte(`{"spec":{"replicas":5}}`), metav1.PatchOptions{}, "scale"); err != nil {
		t.Fatal(err)
	}
	got, err = client.Get(t.Context(), "a", metav1.GetOptions{})
	if err != nil || got.Object["spec"].(map[string]any)["copies"] != int64(5) || got.GetGeneration() != 3 {
		t.Errorf("scaled %v, %v", got, err)
	}
	list, err := client.List(t.Context(), metav1.ListOptions{FieldSelector: "spec.target=db"})
	if err != nil || len(list.Items) != 1 || list.GetKind() != "BackupList" {
		t.Errorf("by field %v, %v", list, err)
	}
	if list, err = client.List(t.Context(), metav1.ListOptions{FieldSelector: "spec.target!=db"}); err != nil || len(list.Items) != 0 {
		t.Errorf("by field %v, %v", list, err)
	}
	if err := client.Delete(t.Context(), "a", metav1.DeleteOptions{}); err != nil {
		t.Error(err)
	}
	if _, err = client.Get(t.Context(), "a", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("deleted: %v", err)
	}
}
