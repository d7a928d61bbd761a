package kind

import (
	"fmt"

	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// maxCapacityValues is how many amounts a policy may name.
const maxCapacityValues = 10

// validateRequestPolicy checks the amounts of a capacity that may be requested: some values, or a range.
func validateRequestPolicy(capacity resource.Quantity, r *resourcev1.CapacityRequestPolicy, p *field.Path) field.ErrorList {
	values, span := len(r.ValidValues) > 0, r.ValidRange != nil
	switch {
	case values && span:
		return field.ErrorList{field.Forbidden(p, `exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time`)}
	case values && r.Default == nil:
		return field.ErrorList{field.Required(p.Child("default"), "required when validValues is defined")}
	case span && r.Default == nil:
		return field.ErrorList{field.Required(p.Child("default"), "required when validRange is defined")}
	case values:
		return validateCapacityValues(*r.Default, capacity, r.ValidValues, p.Child("validValues"))
	case span:
		return validateCapacityRange(*r.Default, capacity, r.ValidRange, p.Child("validRange"))
	}
	return nil
}

func validateCapacityValues(usual, capacity resource.Quantity, values []resource.Quantity, p *field.Path) (errs field.ErrorList) {
	for i := 1; i < len(values); i++ {
		if values[i-1].Cmp(values[i]) > 0 {
			errs = append(errs, field.Invalid(p.Index(i), values[i].String(), "values must be sorted in ascending order"))
		}
	}
	found := false
	errs = append(errs, eachOnce(values, maxCapacityValues, p, func(q resource.Quantity) int64 { return q.Value() },
		func(q resource.Quantity, p *field.Path) field.ErrorList {
			found = found || q.Cmp(usual) == 0
			if q.Cmp(capacity) > 0 {
				return field.ErrorList{field.Invalid(p, q.String(), "option is larger than capacity value: "+capacity.String())}
			}
			return nil
		})...)
	if !found {
		errs = append(errs, field.Invalid(p, usual.String(), "default value is not valid according to the requestPolicy"))
	}
	return errs
}

func validateCapacityRange(usual, capacity resource.Quantity, r *resourcev1.CapacityRequestPolicyRange, p *field.Path) (errs field.ErrorList) {
	least, most := p.Child("min"), p.Child("max")
	if r.Min == nil {
		return field.ErrorList{field.Required(least, "required when validRange is defined")}
	}
	if r.Min.Cmp(capacity) > 0 {
		errs = append(errs, field.Invalid(least, r.Min.String(), "min is larger than capacity value: "+capacity.String()))
	}
	if usual.Cmp(*r.Min) < 0 {
		errs = append(errs, field.Invalid(least, usual.String(), "default is less than min: "+r.Min.String()))
	}
	if r.Max != nil {
		if r.Min.Cmp(*r.Max) > 0 {
			errs = append(errs, field.Invalid(most, r.Min.String(), "min is larger than max: "+r.Max.String()))
		}
		if r.Max.Cmp(capacity) > 0 {
			errs = append(errs, field.Invalid(most, r.Max.String(), "max is larger than capacity value: "+capacity.String()))
		}
		if usual.Cmp(*r.Max) > 0 {
			errs = append(errs, field.Invalid(most, usual.String(), "default is more than max: "+r.Max.String()))
		}
	}
	if r.Step != nil {
		errs = append(errs, validateCapacityStep(usual, capacity, r, p.Child("step"))...)
	}
	return errs
}

func validateCapacityStep(usual, capacity resource.Quantity, r *resourcev1.CapacityRequestPolicyRange, p *field.Path) (errs field.ErrorList) {
	if r.Step.Sign() <= 0 {
		return field.ErrorList{field.Invalid(p, r.Step.String(), "must be greater than zero")}
	}
	next := r.Min.DeepCopy()
	next.Add(*r.Step)
	if next.Cmp(capacity) > 0 {
		errs = append(errs, field.Invalid(p, r.Step.String(), fmt.Sprintf("one step %s is larger than capacity value: %s", next.String(), capacity.String())))
	}
	for _, q := range []*resource.Quantity{&usual, r.Max} {
		if q != nil && (q.Value()-r.Min.Value())%r.Step.Value() != 0 {
			errs = append(errs, field.Invalid(p, q.String(), fmt.Sprintf("value is not a multiple of a given step (%s) from (%s)", r.Step.String(), r.Min.String())))
		}
	}
	return errs
}
