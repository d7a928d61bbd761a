package kind

import (
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	labelset "k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"taffrail.dev/events/subject"
)

// DisruptionBudgets is the resource of PodDisruptionBudgets.
var DisruptionBudgets = subject.Resource{Group: "policy", Name: "poddisruptionbudgets"}

func disruptionBudgetKind() *Kind {
	type budget = policyv1.PodDisruptionBudget
	orNA := func(v *intstr.IntOrString) string {
		if v == nil {
			return "N/A"
		}
		return v.String()
	}
	return &Kind{
		GroupVersionKind: gvk("policy", "v1", "PodDisruptionBudget"), Resource: DisruptionBudgets.Name,
		ShortNames: []string{"pdb"}, Namespaced: true,
		New:     func() Object { return new(budget) },
		NewList: func() runtime.Object { return new(policyv1.PodDisruptionBudgetList) },
		Prepare: prepares(func(b, old *budget) {
			if b.Status = (policyv1.PodDisruptionBudgetStatus{}); old != nil {
				b.Status = old.Status
			}
		}),
		Spec:     part(func(b *budget) any { return &b.Spec }),
		Validate: validates(func(b, _ *budget) field.ErrorList { return validateDisruptionBudget(b) }),
		Columns: []Column{
			column("Min Available", "string", 0, func(b *budget, _ time.Time) any { return orNA(b.Spec.MinAvailable) }),
			column("Max Unavailable", "string", 0, func(b *budget, _ time.Time) any { return orNA(b.Spec.MaxUnavailable) }),
			column("Allowed Disruptions", "integer", 0, func(b *budget, _ time.Time) any { return int64(b.Status.DisruptionsAllowed) }),
		},
		Subresources: []Subresource{status(func(b, old *budget) { b.Spec = old.Spec }, nil)},
	}
}

func validateDisruptionBudget(b *policyv1.PodDisruptionBudget) (errs field.ErrorList) {
	s := &b.Spec
	if s.MinAvailable != nil && s.MaxUnavailable != nil {
		errs = append(errs, field.Invalid(specPath, s, "minAvailable and maxUnavailable cannot be both set"))
	}
	for name, v := range map[string]*intstr.IntOrString{"minAvailable": s.MinAvailable, "maxUnavailable": s.MaxUnavailable} {
		errs = append(errs, countOrPercent(v, specPath.Child(name))...)
		errs = append(errs, atMostAll(v, specPath.Child(name))...)
	}
	errs = append(errs, validateSelector(s.Selector, specPath.Child("selector"))...)
	if p := s.UnhealthyPodEvictionPolicy; p != nil {
		errs = append(errs, oneOf(*p, specPath.Child("unhealthyPodEvictionPolicy"), policyv1.AlwaysAllow, policyv1.IfHealthyBudget)...)
	}
	return errs
}

// disrupt refuses to evict a running pod whose disruption budget is spent. How many of the budget's pods are
// healthy is counted here and now, which no status can be ahead of.
func disrupt(tx Tx, p *corev1.Pod) error {
	var found *policyv1.PodDisruptionBudget
	for _, o := range tx.List(DisruptionBudgets, p.Namespace) {
		b := o.(*policyv1.PodDisruptionBudget)
		if !selects(b.Spec.Selector, p) {
			continue
		}
		if found != nil {
			return apierrors.NewInternalError(errors.New("This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."))
		}
		found = b
	}
	if found == nil {
		return nil
	}
	expected, healthy := 0, 0
	for _, o := range tx.List(subject.Pods, p.Namespace) {
		other := o.(*corev1.Pod)
		if !selects(found.Spec.Selector, other) || isTerminal(other) {
			continue
		}
		expected++
		if other.DeletionTimestamp == nil && isPodCondition(other, corev1.PodReady) {
			healthy++
		}
	}
	needed := desiredHealthy(&found.Spec, expected)
	if !isPodCondition(p, corev1.PodReady) {
		always := found.Spec.UnhealthyPodEvictionPolicy != nil && *found.Spec.UnhealthyPodEvictionPolicy == policyv1.AlwaysAllow
		if always || healthy >= needed {
			return nil
		}
	}
	if healthy > needed {
		return spend(tx, found)
	}
	err := apierrors.NewTooManyRequests("Cannot evict pod as it would violate the pod's disruption budget.", 0)
	err.ErrStatus.Details.Causes = append(err.ErrStatus.Details.Causes, metav1.StatusCause{
		Type:    policyv1.DisruptionBudgetCause,
		Message: fmt.Sprintf("The disruption budget %s needs %d healthy pods and has %d currently", found.Name, needed, healthy),
	})
	return err
}

// spend rewrites the budget together with the eviction, so that of two evictions at once the second sees the first.
func spend(tx Tx, b *policyv1.PodDisruptionBudget) error {
	spent := b.DeepCopy()
	if spent.Status.DisruptionsAllowed > 0 {
		spent.Status.DisruptionsAllowed--
	}
	tx.Update(DisruptionBudgets, spent)
	return nil
}

// selects says whether a selector selects a pod; a nil one selects none.
func selects(s *metav1.LabelSelector, p *corev1.Pod) bool {
	selector, err := metav1.LabelSelectorAsSelector(s)
	return err == nil && selector.Matches(labelset.Set(p.Labels))
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
