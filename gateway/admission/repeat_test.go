package admission

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"taffrail.dev/gateway/kind"
)

// A write that lost a race is admitted again.
func TestAdmittedTwiceIsAdmittedOnce(t *testing.T) {
	t.Parallel()
	reader := benchmarkCluster()
	for _, c := range []struct {
		q   *kind.Request
		obj kind.Object
	}{
		{ask(reader, "create", "pods", "shop", "web"), podWith(corev1.PodSpec{PriorityClassName: "system-node-critical"})},
		{ask(reader, "create", "nodes", "", "n1"), nodeLabelled("")},
	} {
		admit := func() {
			for _, p := range Default() {
				if err := p.Admit(context.Background(), c.q, c.obj, nil); err != nil {
					t.Fatalf("%s: %v", p.Name(), err)
				}
			}
		}
		admit()
		once := c.obj.DeepCopyObject()
		if admit(); !equality.Semantic.DeepEqual(c.obj, once) {
			t.Errorf("%T changed again:\n%v\nwas\n%v", c.obj, c.obj, once)
		}
	}
}

// What a plugin adds is the pod's own: no pod sees what happens to another.
func TestNothingIsShared(t *testing.T) {
	t.Parallel()
	reader := benchmarkCluster()
	reader.have[1].(*corev1.ServiceAccount).ImagePullSecrets = []corev1.LocalObjectReference{{Name: "registry"}}
	q, first, second := ask(reader, "create", "pods", "shop", "web"), podWith(corev1.PodSpec{}), podWith(corev1.PodSpec{})
	for _, p := range Default() {
		for _, pod := range []*corev1.Pod{first, second} {
			if err := p.Admit(context.Background(), q, pod, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	untouched := second.DeepCopy()
	first.Spec.ImagePullSecrets[0].Name = "other"
	*first.Spec.Priority, *first.Spec.PreemptionPolicy = 9, corev1.PreemptNever
	*first.Spec.Tolerations[0].TolerationSeconds = 1
	p := first.Spec.Volumes[0].Projected
	*p.DefaultMode, *p.Sources[0].ServiceAccountToken.ExpirationSeconds, p.Sources[1].ConfigMap.Items[0].Path = 0, 0, "x"
	if !equality.Semantic.DeepEqual(second, untouched) || reader.have[1].(*corev1.ServiceAccount).ImagePullSecrets[0].Name != "registry" {
		t.Error("a change of one pod shows elsewhere")
	}
}
