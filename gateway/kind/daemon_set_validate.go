package kind

import (
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateDaemonSet(set, old *appsv1.DaemonSet) (errs field.ErrorList) {
	s := &set.Spec
	errs = validateWorkload(s.Selector, &s.Template, "daemonset", "DaemonSet")
	errs = append(errs, atLeastZero(s.MinReadySeconds, specPath.Child("minReadySeconds"))...)
	errs = append(errs, validateDaemonStrategy(&s.UpdateStrategy, specPath.Child("updateStrategy"))...)
	if s.RevisionHistoryLimit != nil {
		errs = append(errs, atLeastZero(*s.RevisionHistoryLimit, specPath.Child("revisionHistoryLimit"))...)
	}
	if old != nil {
		errs = append(errs, immutable(s.Selector, old.Spec.Selector, specPath.Child("selector"))...)
	}
	return errs
}

func validateDaemonStrategy(s *appsv1.DaemonSetUpdateStrategy, p *field.Path) (errs field.ErrorList) {
	switch s.Type {
	case appsv1.OnDeleteDaemonSetStrategyType:
		return nil
	case appsv1.RollingUpdateDaemonSetStrategyType:
	default:
		return field.ErrorList{field.NotSupported(p, *s, []appsv1.DaemonSetUpdateStrategyType{appsv1.RollingUpdateDaemonSetStrategyType, appsv1.OnDeleteDaemonSetStrategyType})}
	}
	rolling := p.Child("rollingUpdate")
	r := s.RollingUpdate
	if r == nil {
		return field.ErrorList{field.Required(rolling, "")}
	}
	unavailable, surge := rolling.Child("maxUnavailable"), rolling.Child("maxSurge")
	errs = countOrPercent(r.MaxUnavailable, unavailable)
	errs = append(errs, countOrPercent(r.MaxSurge, surge)...)
	errs = append(errs, atMostAll(r.MaxUnavailable, unavailable)...)
	errs = append(errs, atMostAll(r.MaxSurge, surge)...)
	switch {
	case isNothing(r.MaxUnavailable) && isNothing(r.MaxSurge):
		errs = append(errs, field.Required(unavailable, "cannot be 0 when maxSurge is 0"))
	case !isNothing(r.MaxUnavailable) && !isNothing(r.MaxSurge):
		errs = append(errs, field.Invalid(surge, r.MaxSurge, "may not be set when maxUnavailable is non-zero"))
	}
	return errs
}

func validateDaemonSetStatus(set, old *appsv1.DaemonSet) (errs field.ErrorList) {
	s := &set.Status
	errs = counts(
		count{"currentNumberScheduled", s.CurrentNumberScheduled}, count{"numberMisscheduled", s.NumberMisscheduled},
		count{"desiredNumberScheduled", s.DesiredNumberScheduled}, count{"numberReady", s.NumberReady},
		count{"updatedNumberScheduled", s.UpdatedNumberScheduled}, count{"numberAvailable", s.NumberAvailable},
		count{"numberUnavailable", s.NumberUnavailable}, count{"collisionCount", value(s.CollisionCount)},
	)
	errs = append(errs, atLeastZero(s.ObservedGeneration, statusPath.Child("observedGeneration"))...)
	return append(errs, notDecremented(s.CollisionCount, old.Status.CollisionCount)...)
}
