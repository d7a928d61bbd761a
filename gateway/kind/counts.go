package kind

import (
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// count is a number of a status.
type count struct {
	name string
	n    int32
}

// counts is a complaint about every count below zero.
func counts(all ...count) (errs field.ErrorList) {
	for _, c := range all {
		errs = append(errs, atLeastZero(c.n, statusPath.Child(c.name))...)
	}
	return errs
}

// notDecremented checks the count of name collisions, which only grows.
func notDecremented(now, was *int32) field.ErrorList {
	if was == nil || value(now) >= *was {
		return nil
	}
	return field.ErrorList{field.Invalid(statusPath.Child("collisionCount"), value(now), "cannot be decremented")}
}

// atMostAll refuses percentages above 100.
func atMostAll(v *intstr.IntOrString, p *field.Path) field.ErrorList {
	if n, ok := percent(v); ok && n > 100 {
		return field.ErrorList{field.Invalid(p, v, "must not be greater than 100%")}
	}
	return nil
}
