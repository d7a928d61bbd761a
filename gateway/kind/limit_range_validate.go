package kind

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateLimitRange(r, _ *corev1.LimitRange) (errs field.ErrorList) {
	types := make(map[corev1.LimitType]bool, len(r.Spec.Limits))
	for i := range r.Spec.Limits {
		l, at := &r.Spec.Limits[i], field.NewPath("spec", "limits").Index(i)
		errs = append(errs, validateLimitType(l.Type, at.Child("type"))...)
		if types[l.Type] {
			errs = append(errs, field.Duplicate(at.Child("type"), l.Type))
		}
		types[l.Type] = true
		errs = append(errs, validateLimitResources(l, at)...)
		errs = append(errs, validateLimitOrder(l, at)...)
	}
	return errs
}

func validateLimitType(t corev1.LimitType, p *field.Path) field.ErrorList {
	if complaints := qualifiedName(string(t)); len(complaints) > 0 {
		return invalids(p, t, complaints)
	}
	switch t {
	case corev1.LimitTypePod, corev1.LimitTypeContainer, corev1.LimitTypePersistentVolumeClaim:
		return nil
	}
	if strings.Contains(string(t), "/") {
		return nil
	}
	return field.ErrorList{field.Invalid(p, t, "must be a standard limit type or fully qualified")}
}

// validateLimitResources checks the names in the lists of a limit, and that the lists are of its type.
func validateLimitResources(l *corev1.LimitRangeItem, at *field.Path) (errs field.ErrorList) {
	names := func(list corev1.ResourceList, p *field.Path) {
		for name := range list {
			errs = append(errs, validateLimitResource(l.Type, name, p.Key(string(name)))...)
		}
	}
	names(l.Max, at.Child("max"))
	names(l.Min, at.Child("min"))
	for _, d := range []struct {
		name string
		list corev1.ResourceList
	}{{"default", l.Default}, {"defaultRequest", l.DefaultRequest}} {
		if l.Type != corev1.LimitTypePod {
			names(d.list, at.Child(d.name))
		} else if len(d.list) > 0 {
			errs = append(errs, field.Forbidden(at.Child(d.name), "may not be specified when `type` is 'Pod'"))
		}
	}
	if l.Type == corev1.LimitTypePersistentVolumeClaim {
		_, least := l.Min[corev1.ResourceStorage]
		if _, most := l.Max[corev1.ResourceStorage]; !least && !most {
			errs = append(errs, field.Required(at.Child("limits"), "either minimum or maximum storage value is required, but neither was provided"))
		}
	}
	names(l.MaxLimitRequestRatio, at.Child("maxLimitRequestRatio"))
	return errs
}

func validateLimitResource(t corev1.LimitType, name corev1.ResourceName, p *field.Path) field.ErrorList {
	if complaints := qualifiedName(string(name)); len(complaints) > 0 {
		return invalids(p, name, complaints)
	}
	bare := !strings.Contains(string(name), "/")
	switch t {
	case corev1.LimitTypePod, corev1.LimitTypeContainer:
		ofContainers := name == corev1.ResourceCPU || name == corev1.ResourceMemory || name == corev1.ResourceEphemeralStorage || isHugePages(name)
		if bare && !ofContainers {
			return field.ErrorList{field.Invalid(p, name, "must be a standard resource for containers")}
		}
		if !bare && !isNative(name) && !isExtended(name) {
			return field.ErrorList{field.Invalid(p, name, "doesn't follow extended resource name standard")}
		}
	default:
		if bare && !isStandardResource(name) {
			return field.ErrorList{field.Invalid(p, name, "must be a standard resource type or fully qualified")}
		}
	}
	return nil
}

// validateLimitOrder checks that of every resource min, default request, default and max are in this order.
func validateLimitOrder(l *corev1.LimitRangeItem, at *field.Path) (errs field.ErrorList) {
	names := make(map[corev1.ResourceName]bool)
	for _, list := range []corev1.ResourceList{l.Max, l.Min, l.Default, l.DefaultRequest, l.MaxLimitRequestRatio} {
		for name := range list {
			names[name] = true
		}
	}
	for name := range names {
		key := func(list string) *field.Path { return at.Child(list).Key(string(name)) }
		above := func(low, high corev1.ResourceList, p *field.Path, shown corev1.ResourceList, text string) {
			a, hasLow := low[name]
			if b, hasHigh := high[name]; hasLow && hasHigh && a.Cmp(b) > 0 {
				q := shown[name]
				errs = append(errs, field.Invalid(p, q.DeepCopy(), fmt.Sprintf(text, a.String(), b.String())))
			}
		}
		above(l.Min, l.Max, key("min"), l.Min, "min value %s is greater than max value %s")
		above(l.Min, l.DefaultRequest, key("defaultRequest"), l.DefaultRequest, "min value %s is greater than default request value %s")
		above(l.DefaultRequest, l.Max, key("defaultRequest"), l.DefaultRequest, "default request value %s is greater than max value %s")
		above(l.DefaultRequest, l.Default, key("defaultRequest"), l.DefaultRequest, "default request value %s is greater than default limit value %s")
		above(l.Min, l.Default, key("default"), l.Min, "min value %s is greater than default value %s")
		above(l.Default, l.Max, key("default"), l.Max, "default value %s is greater than max value %s")
		errs = append(errs, validateLimitRatio(l, name, key("maxLimitRequestRatio"))...)
		limit, limited := l.Default[name]
		if request, requested := l.DefaultRequest[name]; limited && requested && (isExtended(name) || isHugePages(name)) && limit.Cmp(request) != 0 {
			errs = append(errs, field.Invalid(key("defaultRequest"), request, fmt.Sprintf("default value %s must equal to defaultRequest value %s in non overcommit resource", limit.String(), request.String())))
		}
	}
	return errs
}

func validateLimitRatio(l *corev1.LimitRangeItem, name corev1.ResourceName, p *field.Path) (errs field.ErrorList) {
	ratio, ok := l.MaxLimitRequestRatio[name]
	if !ok {
		return nil
	}
	if ratio.Cmp(*resource.NewQuantity(1, resource.DecimalSI)) < 0 {
		errs = append(errs, field.Invalid(p, ratio, fmt.Sprintf("ratio %s is less than 1", ratio.String())))
	}
	least, hasMin := l.Min[name]
	most, hasMax := l.Max[name]
	if !hasMin || !hasMax || least.Sign() <= 0 {
		return errs
	}
	if widest := most.AsApproximateFloat64() / least.AsApproximateFloat64(); ratio.AsApproximateFloat64() > widest {
		errs = append(errs, field.Invalid(p, ratio, fmt.Sprintf("ratio %s is greater than max/min = %f", ratio.String(), widest)))
	}
	return errs
}
