package disruption

import (
	"fmt"

	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"taffrail.dev/events/command"
	"taffrail.dev/events/process"
	commandv1 "taffrail.dev/proto/gen/command/v1"
)

// decide is one turn of one budget: its status, if it is not as it should be.
func (s *state) decide(t process.Turn) process.Plan {
	b := s.budgets.Get(t.Key.Namespace, t.Key.Name)
	if b == nil || b.DeletionTimestamp != nil {
		return process.Plan{}
	}
	next := b.DeepCopy()
	s.count(next, metav1.NewTime(t.Now))
	if equality.Semantic.DeepEqual(next.Status, b.Status) {
		return process.Plan{}
	}
	reason := fmt.Sprintf("%d of %d pods healthy, %d needed, %d may go",
		next.Status.CurrentHealthy, next.Status.ExpectedPods, next.Status.DesiredHealthy, next.Status.DisruptionsAllowed)
	return process.Plan{Commands: []*commandv1.Command{command.Update(t.Key, "status", next, reason)}}
}

// count fills the budget's status in from its pods.
func (s *state) count(b *policyv1.PodDisruptionBudget, now metav1.Time) {
	var expected, healthy int
	for _, p := range s.pods.In(b.Namespace) {
		if p.Finished() || !selects(b, p) {
			continue
		}
		expected++
		if p.Ready && !p.Terminating {
			healthy++
		}
	}
	desired := desiredHealthy(&b.Spec, expected)
	st := &b.Status
	st.ObservedGeneration = b.Generation
	st.ExpectedPods, st.CurrentHealthy, st.DesiredHealthy = int32(expected), int32(healthy), int32(desired)
	st.DisruptionsAllowed = 0
	if expected > 0 {
		st.DisruptionsAllowed = int32(max(0, healthy-desired))
	}
	condition := metav1.Condition{
		Type: policyv1.DisruptionAllowedCondition, Status: metav1.ConditionFalse, Reason: policyv1.InsufficientPodsReason,
		ObservedGeneration: b.Generation, LastTransitionTime: now,
	}
	if st.DisruptionsAllowed > 0 {
		condition.Status, condition.Reason = metav1.ConditionTrue, policyv1.SufficientPodsReason
	}
	meta.SetStatusCondition(&st.Conditions, condition)
}

// desiredHealthy is how many of the expected pods have to stay healthy; one may always go by default.
func desiredHealthy(s *policyv1.PodDisruptionBudgetSpec, expected int) int {
	switch {
	case s.MaxUnavailable != nil:
		n, _ := intstr.GetScaledValueFromIntOrPercent(s.MaxUnavailable, expected, true)
		return max(0, expected-n)
	case s.MinAvailable != nil:
		n, _ := intstr.GetScaledValueFromIntOrPercent(s.MinAvailable, expected, true)
		return n
	}
	return max(0, expected-1)
}
