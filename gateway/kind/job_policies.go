package kind

import (
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const (
	maxPolicyRules      = 20
	maxExitCodes        = 255
	maxSucceededIndexes = 64 << 10
)

// oneOfNamed is a complaint that tells the values even when there is none.
func oneOfNamed[T ~string](v T, p *field.Path, supported ...T) field.ErrorList {
	if v == "" {
		return field.ErrorList{field.Required(p, fmt.Sprintf("valid values: %q", supported))}
	}
	return oneOfOrEmpty(v, p, supported...)
}

func validateFailurePolicy(s *batchv1.JobSpec, p *field.Path) (errs field.ErrorList) {
	rules := s.PodFailurePolicy.Rules
	if len(rules) > maxPolicyRules {
		errs = append(errs, field.TooMany(p.Child("rules"), len(rules), maxPolicyRules))
	}
	for i := range rules {
		errs = append(errs, validateFailureRule(s, &rules[i], p.Child("rules").Index(i))...)
	}
	return errs
}

func validateFailureRule(s *batchv1.JobSpec, r *batchv1.PodFailurePolicyRule, p *field.Path) (errs field.ErrorList) {
	action := p.Child("action")
	errs = oneOfNamed(r.Action, action, batchv1.PodFailurePolicyActionCount, batchv1.PodFailurePolicyActionFailIndex,
		batchv1.PodFailurePolicyActionFailJob, batchv1.PodFailurePolicyActionIgnore)
	if r.Action == batchv1.PodFailurePolicyActionFailIndex && s.BackoffLimitPerIndex == nil {
		errs = append(errs, field.Invalid(action, r.Action, "requires the backoffLimitPerIndex to be set"))
	}
	if r.OnExitCodes != nil {
		errs = append(errs, validateExitCodes(s, r.OnExitCodes, p.Child("onExitCodes"))...)
	}
	conditions := p.Child("onPodConditions")
	if len(r.OnPodConditions) > maxPolicyRules {
		errs = append(errs, field.TooMany(conditions, len(r.OnPodConditions), maxPolicyRules))
	}
	for i, c := range r.OnPodConditions {
		at := conditions.Index(i)
		errs = append(errs, invalids(at.Child("type"), string(c.Type), qualifiedName(string(c.Type)))...)
		errs = append(errs, oneOfNamed(c.Status, at.Child("status"), corev1.ConditionFalse, corev1.ConditionTrue, corev1.ConditionUnknown)...)
	}
	if r.OnExitCodes != nil && len(r.OnPodConditions) > 0 {
		errs = append(errs, field.Invalid(p, field.OmitValueType{}, "specifying both OnExitCodes and OnPodConditions is not supported"))
	}
	if r.OnExitCodes == nil && len(r.OnPodConditions) == 0 {
		errs = append(errs, field.Invalid(p, field.OmitValueType{}, "specifying one of OnExitCodes and OnPodConditions is required"))
	}
	return errs
}

func validateExitCodes(s *batchv1.JobSpec, r *batchv1.PodFailurePolicyOnExitCodesRequirement, p *field.Path) (errs field.ErrorList) {
	errs = oneOfNamed(r.Operator, p.Child("operator"), batchv1.PodFailurePolicyOnExitCodesOpIn, batchv1.PodFailurePolicyOnExitCodesOpNotIn)
	named := func(c corev1.Container) bool { return c.Name == *r.ContainerName }
	if r.ContainerName != nil && !slices.ContainsFunc(s.Template.Spec.Containers, named) && !slices.ContainsFunc(s.Template.Spec.InitContainers, named) {
		errs = append(errs, field.Invalid(p.Child("containerName"), *r.ContainerName, "must be one of the container or initContainer names in the pod template"))
	}
	values := p.Child("values")
	if len(r.Values) == 0 {
		errs = append(errs, field.Invalid(values, r.Values, "at least one value is required"))
	} else if len(r.Values) > maxExitCodes {
		errs = append(errs, field.TooMany(values, len(r.Values), maxExitCodes))
	}
	for i, code := range r.Values {
		if r.Operator == batchv1.PodFailurePolicyOnExitCodesOpIn && code == 0 {
			errs = append(errs, field.Invalid(values.Index(i), code, "must not be 0 for the In operator"))
		}
		if slices.Contains(r.Values[:i], code) {
			errs = append(errs, field.Duplicate(values.Index(i), code))
		}
	}
	if !slices.IsSorted(r.Values) {
		errs = append(errs, field.Invalid(values, r.Values, "must be ordered"))
	}
	return errs
}

func validateSuccessPolicy(s *batchv1.JobSpec, p *field.Path) (errs field.ErrorList) {
	if !isIndexed(s) {
		return field.ErrorList{field.Invalid(p, *s.SuccessPolicy, "requires indexed completion mode")}
	}
	at, rules := p.Child("rules"), s.SuccessPolicy.Rules
	if len(rules) == 0 {
		errs = append(errs, field.Required(at, "at least one rules must be specified when the successPolicy is specified"))
	}
	if len(rules) > maxPolicyRules {
		errs = append(errs, field.TooMany(at, len(rules), maxPolicyRules))
	}
	for i := range rules {
		errs = append(errs, validateSuccessRule(&rules[i], value(s.Completions), at.Index(i))...)
	}
	return errs
}

func validateSuccessRule(r *batchv1.SuccessPolicyRule, completions int32, p *field.Path) (errs field.ErrorList) {
	if r.SucceededCount == nil && r.SucceededIndexes == nil {
		errs = append(errs, field.Required(p, "at least one of succeededCount or succeededIndexes must be specified"))
	}
	total := int32(0)
	if r.SucceededIndexes != nil {
		at := p.Child("succeededIndexes")
		if len(*r.SucceededIndexes) > maxSucceededIndexes {
			errs = append(errs, field.TooLong(at, "", maxSucceededIndexes))
		}
		intervals, err := parseIndexes(*r.SucceededIndexes, completions)
		if err != nil {
			errs = append(errs, field.Invalid(at, *r.SucceededIndexes, fmt.Sprintf("error parsing succeededIndexes: %s", err)))
		}
		for _, i := range intervals {
			total += i.last - i.first + 1
		}
	}
	if r.SucceededCount == nil {
		return errs
	}
	at, n := p.Child("succeededCount"), *r.SucceededCount
	errs = append(errs, atLeastZero(n, at)...)
	if n > completions {
		errs = append(errs, field.Invalid(at, n, fmt.Sprintf("must be less than or equal to %d (the number of specified completions)", completions)))
	}
	if r.SucceededIndexes != nil && n > total {
		errs = append(errs, field.Invalid(at, n, fmt.Sprintf("must be less than or equal to %d (the number of indexes in the specified succeededIndexes field)", total)))
	}
	return errs
}
