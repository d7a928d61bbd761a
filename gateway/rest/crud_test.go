package rest_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	asJSON     = "application/json"
	asProtobuf = "application/vnd.kubernetes.protobuf"
)

func configMap(name string, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: data}
}

func TestLifeOfAnObject(t *testing.T) {
	t.Parallel()
	w := serve(t)
	for _, format := range []string{asJSON, asProtobuf} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			maps := w.client(t, format).CoreV1().ConfigMaps("ns-" + map[string]string{asJSON: "j", asProtobuf: "p"}[format])
			ctx := t.Context()

			made, err := maps.Create(ctx, configMap("a", map[string]string{"k": "1"}), metav1.CreateOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if made.UID == "" || made.ResourceVersion == "" || made.CreationTimestamp.IsZero() {
				t.Fatalf("created without metadata: %+v", made.ObjectMeta)
			}
			if len(made.ManagedFields) != 1 || made.ManagedFields[0].Manager != "tester" {
				t.Fatalf("managed fields: %+v", made.ManagedFields)
			}
			if _, err := maps.Create(ctx, configMap("a", nil), metav1.CreateOptions{}); !apierrors.IsAlreadyExists(err) {
				t.Fatalf("second create: %v", err)
			}
			got, err := maps.Get(ctx, "a", metav1.GetOptions{})
			if err != nil || got.ResourceVersion != made.ResourceVersion || got.Data["k"] != "1" {
				t.Fatalf("get: %v %+v", err, got)
			}
			got.Data["k"] = "2"
			changed, err := maps.Update(ctx, got, metav1.UpdateOptions{})
			if err != nil || changed.ResourceVersion == made.ResourceVersion {
				t.Fatalf("update: %v", err)
			}
			if _, err := maps.Update(ctx, got, metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
				t.Fatalf("stale update: %v", err)
			}
			same, err := maps.Update(ctx, changed, metav1.UpdateOptions{})
			if err != nil || same.ResourceVersion != changed.ResourceVersion {
				t.Fatalf("an update without a change made one: %v, %s after %s", err, same.ResourceVersion, changed.ResourceVersion)
			}
			patched, err := maps.Patch(ctx, "a", types.StrategicMergePatchType, []byte(`{"data":{"x":"y"}}`), metav1.PatchOptions{})
			if err != nil || patched.Data["x"] != "y" || patched.Data["k"] != "2" {
				t.Fatalf("patch: %v %+v", err, patched)
			}
			list, err := maps.List(ctx, metav1.ListOptions{})
			if err != nil || len(list.Items) != 1 || list.Items[0].Data["x"] != "y" || list.Items[0].ResourceVersion != patched.ResourceVersion {
				t.Fatalf("list: %v %+v", err, list)
			}
			if err := maps.Delete(ctx, "a", metav1.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}
			if _, err := maps.Get(ctx, "a", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
				t.Fatalf("get after delete: %v", err)
			}
			again, err := maps.Create(ctx, configMap("a", nil), metav1.CreateOptions{})
			if err != nil || again.UID == made.UID {
				t.Fatalf("create after delete: %v", err)
			}
		})
	}
}
