package replicaset

import (
	"maps"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
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

func finished(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}

// active says whether the pod counts as a replica.
func active(p *corev1.Pod) bool { return !finished(p) && p.DeletionTimestamp == nil }

// readySince is when the pod last became ready, and whether it is.
func readySince(p *corev1.Pod) (time.Time, bool) {
	for i := range p.Status.Conditions {
		if c := &p.Status.Conditions[i]; c.Type == corev1.PodReady {
			return c.LastTransitionTime.Time, c.Status == corev1.ConditionTrue
		}
	}
	return time.Time{}, false
}

// untilAvailable is how long a ready pod has to stay ready until it counts as
// available; 0 if it does.
func untilAvailable(p *corev1.Pod, minReady time.Duration, now time.Time) time.Duration {
	since, _ := readySince(p)
	if minReady == 0 {
		return 0
	}
	return max(0, since.Add(minReady).Sub(now))
}
