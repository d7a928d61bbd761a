package admission

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/gateway/kind"
)

// TaintNodes keeps pods off a new node until it has shown to be ready.
type TaintNodes struct{}

var _ Plugin = TaintNodes{}

// Name is the plugin's.
func (TaintNodes) Name() string { return "TaintNodesByCondition" }

// Admit taints nodes that are created.
func (TaintNodes) Admit(_ context.Context, r *kind.Request, obj, old kind.Object) error {
	node, ok := creates[*corev1.Node](r, obj, old)
	if !ok {
		return nil
	}
	taint := corev1.Taint{Key: corev1.TaintNodeNotReady, Effect: corev1.TaintEffectNoSchedule}
	for i := range node.Spec.Taints {
		if node.Spec.Taints[i].MatchTaint(&taint) {
			return nil
		}
	}
	node.Spec.Taints = append(node.Spec.Taints, taint)
	return nil
}
