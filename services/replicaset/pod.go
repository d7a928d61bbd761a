package replicaset

import (
	"maps"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"taffrail.dev/services/brief"
)

var setKind = appsv1.SchemeGroupVersion.WithKind("ReplicaSet")

// podOf is a new pod of a set's template.
func podOf(rs *appsv1.ReplicaSet) *corev1.Pod {
	template := &rs.Spec.Template
	prefix := rs.Name + "-"
	if len(validation.IsDNS1123Subdomain(prefix+"x")) > 0 {
		prefix = rs.Name
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:       rs.Namespace,
			GenerateName:    prefix,
			Labels:          maps.Clone(template.Labels),
			Annotations:     maps.Clone(template.Annotations),
			Finalizers:      slices.Clone(template.Finalizers),
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(rs, setKind)},
		},
		Spec: *template.Spec.DeepCopy(),
	}
}

// active says whether the pod counts as a replica.
func active(p *brief.Pod) bool { return !p.Finished() && !p.Terminating }

// untilAvailable is how long a ready pod has to stay ready until it counts as
// available; 0 if it does.
func untilAvailable(p *brief.Pod, minReady time.Duration, now time.Time) time.Duration {
	if minReady == 0 {
		return 0
	}
	return max(0, p.ReadySince.Add(minReady).Sub(now))
}
