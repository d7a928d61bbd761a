package kind

import (
	"slices"

	resourcev1 "k8s.io/api/resource/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateTaintOfDevice(t resourcev1.DeviceTaint, p *field.Path) (errs field.ErrorList) {
	errs = invalids(p.Child("key"), t.Key, qualifiedName(t.Key))
	errs = append(errs, invalids(p.Child("value"), t.Value, labelValue(t.Value))...)
	return append(errs, oneOf(t.Effect, p.Child("effect"),
		resourcev1.DeviceTaintEffectNoExecute, resourcev1.DeviceTaintEffectNoSchedule, resourcev1.DeviceTaintEffectNone)...)
}

func validateDeviceToleration(t resourcev1.DeviceToleration, p *field.Path) (errs field.ErrorList) {
	if t.Key != "" {
		errs = invalids(p.Child("key"), t.Key, qualifiedName(t.Key))
	}
	switch t.Operator {
	case resourcev1.DeviceTolerationOpExists:
		if t.Value != "" {
			errs = append(errs, field.Invalid(p.Child("value"), t.Value, "must be empty for operator `Exists`"))
		}
	case resourcev1.DeviceTolerationOpEqual:
		errs = append(errs, invalids(p.Child("value"), t.Value, labelValue(t.Value))...)
	default:
		errs = append(errs, oneOf(t.Operator, p.Child("operator"), resourcev1.DeviceTolerationOpEqual, resourcev1.DeviceTolerationOpExists)...)
	}
	return append(errs, oneOfOrEmpty(t.Effect, p.Child("effect"),
		resourcev1.DeviceTaintEffectNoExecute, resourcev1.DeviceTaintEffectNoSchedule, resourcev1.DeviceTaintEffectNone)...)
}

// validateBindsWith checks the conditions that binding a pod to a device waits for: those of success and of failure come
// together and differ.
func validateBindsWith(conditions, failures []string, p *field.Path) (errs field.ErrorList) {
	good, bad := p.Child("bindingConditions"), p.Child("bindingFailureConditions")
	errs = eachOnce(conditions, resourcev1.BindingConditionsMaxSize, good, itself, metavalidation.ValidateLabelName)
	errs = append(errs, eachOnce(failures, resourcev1.BindingFailureConditionsMaxSize, bad, itself, metavalidation.ValidateLabelName)...)
	for i, f := range failures {
		if slices.Contains(conditions, f) {
			errs = append(errs, field.Invalid(bad.Index(i), f, "bindingFailureConditions must not overlap with bindingConditions"))
		}
	}
	if len(conditions) == 0 && len(failures) > 0 {
		errs = append(errs, field.Invalid(good, conditions, "bindingConditions are required to use bindingFailureConditions"))
	}
	if len(failures) == 0 && len(conditions) > 0 {
		errs = append(errs, field.Invalid(bad, failures, "bindingFailureConditions are required to use bindingConditions"))
	}
	return errs
}
