package admission

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/gateway/kind"
)

// TaintNodesByCondition keeps pods off a new node until it has shown that it is ready.
type TaintNodesByCondition struct{}

// Name is the plugin's.
func (TaintNodesByCondition) Name() string { return "TaintNodesByCondition" }

// Admit taints a new node.
func (TaintNodesByCondition) Admit(_ context.Context, q *kind.Request, obj, old kind.Object) error {
	node, ok := created[*corev1.Node](q, obj, old)
	if !ok {
		return nil
	}
	taint := corev1.Taint{Key: corev1.TaintNodeNotReady, Effect: corev1.TaintEffectNoSchedule}
	if !slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool { return t.MatchTaint(&taint) }) {
		node.Spec.Taints = append(node.Spec.Taints, taint)
	}
	return nil
}
