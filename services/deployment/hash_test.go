package deployment

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestHashesAreStable guards the names of ReplicaSets across versions of this code.
func TestHashesAreStable(t *testing.T) {
	t.Parallel()
	template := &corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web", "tier": "front"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "one"}}},
	}
	once := int32(1)
	for _, c := range []struct {
		collisions *int32
		want       string
	}{{nil, "645dfddb47"}, {&once, "b5b949654"}} {
		if got := templateHash(template, c.collisions); got != c.want {
			t.Errorf("hash %s, not %s", got, c.want)
		}
	}
}
