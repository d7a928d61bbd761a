package admission

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/gateway/kind"
)

// toleratedSeconds is how long a pod that says nothing of it stays on a node in trouble.
const toleratedSeconds = 300

// DefaultTolerationSeconds lets pods stay for five minutes on a node that is not ready or cannot
// be reached, unless they say otherwise.
type DefaultTolerationSeconds struct{}

// Name is the plugin's.
func (DefaultTolerationSeconds) Name() string { return "DefaultTolerationSeconds" }

// Admit completes a pod that is made or replaced.
func (DefaultTolerationSeconds) Admit(_ context.Context, q *kind.Request, obj, _ kind.Object) error {
	pod, ok := written[*corev1.Pod](q, obj)
	if !ok {
		return nil
	}
	missing := [...]string{corev1.TaintNodeNotReady, corev1.TaintNodeUnreachable}
	left := len(missing)
	for i := range pod.Spec.Tolerations {
		t := &pod.Spec.Tolerations[i]
		if t.Effect != "" && t.Effect != corev1.TaintEffectNoExecute {
			continue
		}
		for j, key := range missing {
			if key != "" && (t.Key == key || t.Key == "") {
				missing[j] = ""
				left--
			}
		}
	}
	if left > 0 {
		tolerate(&pod.Spec, missing[:], left)
	}
	return nil
}

// tolerate adds a toleration for each of the n keys that are not empty.
func tolerate(s *corev1.PodSpec, keys []string, n int) {
	all := make([]corev1.Toleration, len(s.Tolerations), len(s.Tolerations)+n)
	copy(all, s.Tolerations)
	seconds := make([]int64, n)
	for _, key := range keys {
		if key == "" {
			continue
		}
		n--
		seconds[n] = toleratedSeconds
		all = append(all, corev1.Toleration{
			Key: key, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: &seconds[n],
		})
	}
	s.Tolerations = all
}
