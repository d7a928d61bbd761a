package nodelife

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// byCondition are the taints that a condition other than Ready brings.
var byCondition = []struct {
	condition corev1.NodeConditionType
	taint     string
}{
	{corev1.NodeMemoryPressure, corev1.TaintNodeMemoryPressure},
	{corev1.NodeDiskPressure, corev1.TaintNodeDiskPressure},
	{corev1.NodePIDPressure, corev1.TaintNodePIDPressure},
	{corev1.NodeNetworkUnavailable, corev1.TaintNodeNetworkUnavailable},
}

// ownKeys are the taints that are this service's to put and to take.
var ownKeys = []string{
	corev1.TaintNodeNotReady, corev1.TaintNodeUnreachable, corev1.TaintNodeMemoryPressure, corev1.TaintNodeDiskPressure,
	corev1.TaintNodePIDPressure, corev1.TaintNodeNetworkUnavailable, corev1.TaintNodeUnschedulable,
}

// taints are those that a node should have: its own, others' kept as they are.
// isolated keeps running pods where they are.
func taints(node *corev1.Node, now time.Time, isolated bool) []corev1.Taint {
	var want []corev1.Taint
	add := func(key string, effect corev1.TaintEffect) {
		t := corev1.Taint{Key: key, Effect: effect}
		at := slices.IndexFunc(node.Spec.Taints, func(had corev1.Taint) bool { return alike(had, t) })
		switch {
		case at >= 0:
			t = node.Spec.Taints[at]
		case effect == corev1.TaintEffectNoExecute && isolated:
			return
		default:
			added := metav1.NewTime(now)
			t.TimeAdded = &added
		}
		want = append(want, t)
	}
	switch readiness(node) {
	case corev1.ConditionTrue:
	case corev1.ConditionUnknown:
		add(corev1.TaintNodeUnreachable, corev1.TaintEffectNoSchedule)
		add(corev1.TaintNodeUnreachable, corev1.TaintEffectNoExecute)
	case corev1.ConditionFalse:
		add(corev1.TaintNodeNotReady, corev1.TaintEffectNoSchedule)
		add(corev1.TaintNodeNotReady, corev1.TaintEffectNoExecute)
	default:
		add(corev1.TaintNodeNotReady, corev1.TaintEffectNoSchedule)
	}
	for _, c := range byCondition {
		if has := condition(node, c.condition); has != nil && has.Status == corev1.ConditionTrue {
			add(c.taint, corev1.TaintEffectNoSchedule)
		}
	}
	if node.Spec.Unschedulable {
		add(corev1.TaintNodeUnschedulable, corev1.TaintEffectNoSchedule)
	}
	for _, had := range node.Spec.Taints {
		if !slices.Contains(ownKeys, had.Key) {
			want = append(want, had)
		}
	}
	return want
}

// sameTaints compares two sets of taints.
func sameTaints(a, b []corev1.Taint) bool {
	within := func(a, b []corev1.Taint) bool {
		return !slices.ContainsFunc(a, func(x corev1.Taint) bool {
			return !slices.ContainsFunc(b, func(y corev1.Taint) bool { return alike(x, y) })
		})
	}
	return len(a) == len(b) && within(a, b) && within(b, a)
}
