package disruption

import (
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/events/fold"
	"taffrail.dev/events/subject"
	"taffrail.dev/services/brief"
)

// budgets is the resource that the service writes.
var budgets = subject.Resource{Group: "policy", Name: "poddisruptionbudgets"}

// state is the budgets and the pods.
type state struct {
	budgets *fold.Store[policyv1.PodDisruptionBudget, *policyv1.PodDisruptionBudget]
	pods    *fold.Store[brief.Pod, *brief.Pod]
}

func newState() *state {
	return &state{
		budgets: fold.NewStore[policyv1.PodDisruptionBudget](budgets),
		pods:    fold.NewStore[brief.Pod](subject.Pods),
	}
}

// Apply folds an event; a budget wakes itself, a pod wakes the budgets that select it now or did before.
func (s *state) Apply(e *fold.Event) []subject.Object {
	key := e.Key()
	switch key.Resource {
	case budgets:
		if _, _, err := s.budgets.Apply(e); err == nil {
			return []subject.Object{key}
		}
	case subject.Pods:
		before, after, err := s.pods.Apply(e)
		if err != nil || before == after {
			return nil
		}
		var woken []subject.Object
		for _, b := range s.budgets.In(key.Namespace) {
			if selects(b, before) || selects(b, after) {
				woken = append(woken, subject.Object{Resource: budgets, Namespace: b.Namespace, Name: b.Name})
			}
		}
		return woken
	}
	return nil
}

// selects says whether a budget is of a pod, which may be nil. A budget without a selector is of none.
func selects(b *policyv1.PodDisruptionBudget, p *brief.Pod) bool {
	if p == nil {
		return false
	}
	selector, err := metav1.LabelSelectorAsSelector(b.Spec.Selector)
	return err == nil && selector.Matches(p.Labels)
}
