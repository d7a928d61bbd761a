package admission

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/gateway/kind"
)

// DefaultTolerations lets pods stay for five minutes on a node that is not ready or cannot be
// reached, unless they say otherwise.
type DefaultTolerations struct{}

var _ Plugin = DefaultTolerations{}

const toleratedSeconds = 300

// Name is the plugin's.
func (DefaultTolerations) Name() string { return "DefaultTolerationSeconds" }

// Admit completes pods that are created.
func (DefaultTolerations) Admit(_ context.Context, r *kind.Request, obj, old kind.Object) error {
	pod, ok := creates[*corev1.Pod](r, obj, old)
	if !ok {
		return nil
	}
	missing := [...]string{corev1.TaintNodeNotReady, corev1.TaintNodeUnreachable}
	for _, t := range pod.Spec.Tolerations {
		if t.Effect != "" && t.Effect != corev1.TaintEffectNoExecute {
			continue
		}
		for i, key := range missing {
			if t.Key == key || t.Key == "" {
				missing[i] = ""
			}
		}
	}
	for _, key := range missing {
		if key == "" {
			continue
		}
		seconds := int64(toleratedSeconds)
		pod.Spec.Tolerations = append(pod.Spec.Tolerations, corev1.Toleration{
			Key: key, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: &seconds,
		})
	}
	return nil
}
