package kind

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	labelset "k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateDeployment(d, old *appsv1.Deployment) (errs field.ErrorList) {
	s := &d.Spec
	errs = atLeastZero(value(s.Replicas), specPath.Child("replicas"))
	errs = append(errs, validateWorkload(s.Selector, &s.Template, "deployment", "Deployment")...)
	errs = append(errs, validateStrategy(&s.Strategy, specPath.Child("strategy"))...)
	errs = append(errs, atLeastZero(s.MinReadySeconds, specPath.Child("minReadySeconds"))...)
	if s.RevisionHistoryLimit != nil {
		errs = append(errs, atLeastZero(*s.RevisionHistoryLimit, specPath.Child("revisionHistoryLimit"))...)
	}
	if t := s.ProgressDeadlineSeconds; t != nil {
		at := specPath.Child("progressDeadlineSeconds")
		errs = append(errs, atLeastZero(*t, at)...)
		if *t <= s.MinReadySeconds {
			errs = append(errs, field.Invalid(at, *t, "must be greater than minReadySeconds"))
		}
	}
	if old != nil && !equality.Semantic.DeepEqual(s.Selector, old.Spec.Selector) {
		errs = append(errs, field.Invalid(specPath.Child("selector"), s.Selector, immutableField))
	}
	return errs
}

// validateWorkload checks a selector, a template, and that the one selects the other. Upstream's texts
// name the workload in lower case (what) and as a kind.
func validateWorkload(s *metav1.LabelSelector, t *corev1.PodTemplateSpec, what, kind string) (errs field.ErrorList) {
	at, template := specPath.Child("selector"), specPath.Child("template")
	switch {
	case s == nil:
		errs = append(errs, field.Required(at, ""))
	case len(s.MatchLabels)+len(s.MatchExpressions) == 0:
		errs = append(errs, field.Invalid(at, s, "empty selector is invalid for "+what))
	}
	invalid := validateSelector(s, at)
	errs = append(errs, invalid...)
	if s != nil && len(invalid) == 0 {
		if selector, err := metav1.LabelSelectorAsSelector(s); err != nil {
			errs = append(errs, field.Invalid(at, s, "invalid label selector"))
		} else if !selector.Empty() && !selector.Matches(labelset.Set(t.Labels)) {
			errs = append(errs, field.Invalid(template.Child("metadata", "labels"), t.Labels, "`selector` does not match template `labels`"))
		}
	}
	return append(errs, validatePodTemplate(t, template, kind)...)
}

func validateStrategy(s *appsv1.DeploymentStrategy, p *field.Path) (errs field.ErrorList) {
	rolling := p.Child("rollingUpdate")
	switch s.Type {
	case appsv1.RecreateDeploymentStrategyType:
		if s.RollingUpdate != nil {
			errs = append(errs, field.Forbidden(rolling, "may not be specified when strategy `type` is '"+string(s.Type)+"'"))
		}
	case appsv1.RollingUpdateDeploymentStrategyType:
		if s.RollingUpdate == nil {
			return field.ErrorList{field.Required(rolling, "this should be defaulted and never be nil")}
		}
		return validateRolling(s.RollingUpdate, rolling)
	default:
		errs = append(errs, field.NotSupported(p.Child("type"), s.Type,
			[]appsv1.DeploymentStrategyType{appsv1.RecreateDeploymentStrategyType, appsv1.RollingUpdateDeploymentStrategyType}))
	}
	return errs
}

func validateRolling(r *appsv1.RollingUpdateDeployment, p *field.Path) (errs field.ErrorList) {
	unavailable, surge := p.Child("maxUnavailable"), p.Child("maxSurge")
	errs = countOrPercent(r.MaxUnavailable, unavailable)
	errs = append(errs, countOrPercent(r.MaxSurge, surge)...)
	if isNothing(r.MaxUnavailable) && isNothing(r.MaxSurge) {
		errs = append(errs, field.Invalid(unavailable, r.MaxUnavailable, "may not be 0 when `maxSurge` is 0"))
	}
	return append(errs, atMostAll(r.MaxUnavailable, unavailable)...)
}

// countOrPercent checks a number of at least 0, or a percentage.
func countOrPercent(v *intstr.IntOrString, p *field.Path) field.ErrorList {
	switch {
	case v == nil:
		return nil
	case v.Type == intstr.String:
		return invalids(p, v, validation.IsValidPercent(v.StrVal))
	}
	return atLeastZero(v.IntVal, p)
}

func percent(v *intstr.IntOrString) (int, bool) {
	if v == nil || v.Type != intstr.String || len(validation.IsValidPercent(v.StrVal)) > 0 {
		return 0, false
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(v, 100, false)
	return n, err == nil
}

func isNothing(v *intstr.IntOrString) bool {
	if n, ok := percent(v); ok {
		return n == 0
	}
	return v == nil || v.Type == intstr.Int && v.IntVal == 0
}

func validateDeploymentStatus(d, old *appsv1.Deployment) (errs field.ErrorList) {
	s := &d.Status
	errs = counts(
		count{"replicas", s.Replicas}, count{"updatedReplicas", s.UpdatedReplicas}, count{"readyReplicas", s.ReadyReplicas},
		count{"availableReplicas", s.AvailableReplicas}, count{"unavailableReplicas", s.UnavailableReplicas},
		count{"terminatingReplicas", value(s.TerminatingReplicas)}, count{"collisionCount", value(s.CollisionCount)},
	)
	errs = append(errs, atLeastZero(s.ObservedGeneration, statusPath.Child("observedGeneration"))...)
	errs = append(errs, noMore("updatedReplicas", s.UpdatedReplicas, s.Replicas)...)
	errs = append(errs, noMore("readyReplicas", s.ReadyReplicas, s.Replicas)...)
	errs = append(errs, noMore("availableReplicas", s.AvailableReplicas, s.Replicas)...)
	if s.AvailableReplicas > s.ReadyReplicas {
		errs = append(errs, field.Invalid(statusPath.Child("availableReplicas"), s.AvailableReplicas, "cannot be greater than readyReplicas"))
	}
	return append(errs, notDecremented(s.CollisionCount, old.Status.CollisionCount)...)
}

// noMore checks that a count of some replicas is not above that of all.
func noMore(name string, some, all int32) field.ErrorList {
	if some <= all {
		return nil
	}
	return field.ErrorList{field.Invalid(statusPath.Child(name), some, "cannot be greater than status.replicas")}
}
