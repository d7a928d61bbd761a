package kind

import (
	"fmt"
	"slices"
	"strings"

	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func defaultDeviceClaim(c *resourcev1.DeviceClaim) {
	for i := range c.Requests {
		if e := c.Requests[i].Exactly; e != nil {
			defaultAllocation(&e.AllocationMode, &e.Count)
			defaultTolerations(e.Tolerations)
		}
		for j := range c.Requests[i].FirstAvailable {
			s := &c.Requests[i].FirstAvailable[j]
			defaultAllocation(&s.AllocationMode, &s.Count)
			defaultTolerations(s.Tolerations)
		}
	}
}

func defaultAllocation(mode *resourcev1.DeviceAllocationMode, count *int64) {
	setDefault(mode, resourcev1.DeviceAllocationModeExactCount)
	if *mode == resourcev1.DeviceAllocationModeExactCount {
		setDefault(count, 1)
	}
}

func defaultTolerations(all []resourcev1.DeviceToleration) {
	for i := range all {
		setDefault(&all[i].Operator, resourcev1.DeviceTolerationOpEqual)
	}
}

// stableDeviceClaim drops fields that are not stable.
func stableDeviceClaim(c *resourcev1.DeviceClaim) {
	for i := range c.Requests {
		if e := c.Requests[i].Exactly; e != nil {
			e.DerivedAttributes = nil
		}
		for j := range c.Requests[i].FirstAvailable {
			c.Requests[i].FirstAvailable[j].DerivedAttributes = nil
		}
	}
}

// requestNames are the names of a claim's requests, each with those of its alternatives.
type requestNames map[string][]string

func requestNamesOf(c *resourcev1.DeviceClaim) requestNames {
	names := make(requestNames, len(c.Requests))
	for _, r := range c.Requests {
		names[r.Name] = nil
		for _, s := range r.FirstAvailable {
			names[r.Name] = append(names[r.Name], s.Name)
		}
	}
	return names
}

// has says whether there is a request, "gpu", or an alternative of one, "gpu/small".
func (n requestNames) has(ref string) bool {
	name, sub, nested := strings.Cut(ref, "/")
	subs, ok := n[name]
	return ok && (!nested || slices.Contains(subs, sub))
}

// check checks a reference to a request.
func (n requestNames) check(ref string, p *field.Path) (errs field.ErrorList) {
	const unknown = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"
	parts := strings.Split(ref, "/")
	if len(parts) > 2 {
		return field.ErrorList{field.Invalid(p, ref, unknown)}
	}
	for _, part := range parts {
		errs = append(errs, validateDeviceName(part, p)...)
	}
	if !n.has(ref) {
		errs = append(errs, field.Invalid(p, ref, unknown))
	}
	return errs
}

func validateDeviceClaim(c *resourcev1.DeviceClaim, p *field.Path) (errs field.ErrorList) {
	names := requestNamesOf(c)
	errs = eachOnce(c.Requests, resourcev1.DeviceRequestsMaxSize, p.Child("requests"),
		func(r resourcev1.DeviceRequest) string { return r.Name }, validateDeviceRequest)
	errs = append(errs, each(c.Constraints, resourcev1.DeviceConstraintsMaxSize, p.Child("constraints"),
		func(c resourcev1.DeviceConstraint, p *field.Path) field.ErrorList {
			return validateDeviceConstraint(&c, names, p)
		})...)
	return append(errs, each(c.Config, resourcev1.DeviceConfigMaxSize, p.Child("config"),
		func(c resourcev1.DeviceClaimConfiguration, p *field.Path) field.ErrorList {
			errs := eachOnce(c.Requests, resourcev1.DeviceRequestsMaxSize, p.Child("requests"), itself, names.check)
			return append(errs, validateDeviceConfig(&c.DeviceConfiguration, p)...)
		})...)
}

func validateDeviceRequest(r resourcev1.DeviceRequest, p *field.Path) (errs field.ErrorList) {
	errs = validateDeviceName(r.Name, p.Child("name"))
	alternatives := len(r.FirstAvailable) > 0
	switch {
	case r.Exactly == nil && !alternatives:
		return append(errs, field.Required(p, "exactly one of `exactly` or `firstAvailable` is required"))
	case r.Exactly != nil && alternatives:
		return append(errs, field.Invalid(p, nil, "exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set"))
	case alternatives:
		return append(errs, eachOnce(r.FirstAvailable, resourcev1.FirstAvailableDeviceRequestMaxSize, p.Child("firstAvailable"),
			func(s resourcev1.DeviceSubRequest) string { return s.Name },
			func(s resourcev1.DeviceSubRequest, p *field.Path) field.ErrorList {
				errs := validateDeviceName(s.Name, p.Child("name"))
				return append(errs, validateDevicesWanted(&resourcev1.ExactDeviceRequest{
					DeviceClassName: s.DeviceClassName, Selectors: s.Selectors, AllocationMode: s.AllocationMode, Count: s.Count, Tolerations: s.Tolerations,
				}, p)...)
			})...)
	}
	return append(errs, validateDevicesWanted(r.Exactly, p.Child("exactly"))...)
}

func validateDevicesWanted(r *resourcev1.ExactDeviceRequest, p *field.Path) (errs field.ErrorList) {
	if class := p.Child("deviceClassName"); r.DeviceClassName == "" {
		errs = append(errs, field.Required(class, ""))
	} else {
		errs = append(errs, invalids(class, r.DeviceClassName, subdomain(r.DeviceClassName))...)
	}
	errs = append(errs, validateDeviceSelectors(r.Selectors, p.Child("selectors"))...)
	switch count := p.Child("count"); r.AllocationMode {
	case resourcev1.DeviceAllocationModeAll:
		if r.Count != 0 {
			errs = append(errs, field.Invalid(count, r.Count, fmt.Sprintf("must not be specified when allocationMode is '%s'", r.AllocationMode)))
		}
	case resourcev1.DeviceAllocationModeExactCount:
		if r.Count <= 0 {
			errs = append(errs, field.Invalid(count, r.Count, "must be greater than zero"))
		}
	default:
		errs = append(errs, field.NotSupported(p.Child("allocationMode"), r.AllocationMode,
			[]resourcev1.DeviceAllocationMode{resourcev1.DeviceAllocationModeAll, resourcev1.DeviceAllocationModeExactCount}))
	}
	return append(errs, each(r.Tolerations, resourcev1.DeviceTolerationsMaxLength, p.Child("tolerations"), validateDeviceToleration)...)
}

func validateDeviceConstraint(c *resourcev1.DeviceConstraint, names requestNames, p *field.Path) field.ErrorList {
	errs := eachOnce(c.Requests, resourcev1.DeviceRequestsMaxSize, p.Child("requests"), itself, names.check)
	switch {
	case c.MatchAttribute != nil:
		return append(errs, validateFullAttributeName(*c.MatchAttribute, p.Child("matchAttribute"))...)
	case c.DistinctAttribute != nil:
		return append(errs, validateFullAttributeName(*c.DistinctAttribute, p.Child("distinctAttribute"))...)
	}
	return append(errs, field.Required(p, `exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set`))
}
