package kind

import (
	"fmt"
	"regexp"
	"strings"

	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateDevice(d *resourcev1.Device, ownNodes bool, p *field.Path) (errs field.ErrorList) {
	errs = validateDeviceName(d.Name, p.Child("name"))
	if n := len(d.Attributes) + len(d.Capacity); n > resourcev1.ResourceSliceMaxAttributesAndCapacitiesPerDevice {
		errs = append(errs, field.Invalid(p, n, fmt.Sprintf("the total number of attributes and capacities must not exceed %d", resourcev1.ResourceSliceMaxAttributesAndCapacitiesPerDevice)))
	}
	values := 0
	for name, a := range d.Attributes {
		values += max(1, len(a.BoolValues)+len(a.IntValues)+len(a.StringValues)+len(a.VersionValues))
		errs = append(errs, validateAttributeName(string(name), p.Child("attributes"))...)
		errs = append(errs, validateAttribute(&a, p.Child("attributes").Key(string(name)))...)
	}
	if values > resourcev1.ResourceSliceMaxAttributeValuesPerDevice {
		errs = append(errs, field.Invalid(p, values, fmt.Sprintf("the total number of attribute values must not exceed %d", resourcev1.ResourceSliceMaxAttributeValuesPerDevice)))
	}
	for name, c := range d.Capacity {
		at := p.Child("capacity").Key(string(name)).Child("requestPolicy")
		errs = append(errs, validateAttributeName(string(name), p.Child("capacity"))...)
		switch {
		case c.RequestPolicy == nil:
		case isTrue(d.AllowMultipleAllocations):
			errs = append(errs, validateRequestPolicy(c.Value, c.RequestPolicy, at)...)
		default:
			errs = append(errs, field.Forbidden(at, "allowMultipleAllocations must be true"))
		}
	}
	errs = append(errs, each(d.Taints, resourcev1.DeviceTaintsMaxLength, p.Child("taints"), validateTaintOfDevice)...)
	errs = append(errs, eachOnce(d.ConsumesCounters, resourcev1.ResourceSliceMaxDeviceCounterConsumptionsPerDevice, p.Child("consumesCounters"),
		func(c resourcev1.DeviceCounterConsumption) string { return c.CounterSet },
		func(c resourcev1.DeviceCounterConsumption, p *field.Path) field.ErrorList {
			return validateCounters(c.CounterSet, c.Counters, resourcev1.ResourceSliceMaxCountersPerDeviceCounterConsumption, p.Child("counterSet"), p.Child("counters"))
		})...)
	errs = append(errs, validateDeviceNodes(d, ownNodes, p)...)
	return append(errs, validateBindsWith(d.BindingConditions, d.BindingFailureConditions, p)...)
}

func validateDeviceNodes(d *resourcev1.Device, own bool, p *field.Path) field.ErrorList {
	if !own {
		if d.NodeName == nil && d.NodeSelector == nil && d.AllNodes == nil {
			return nil
		}
		return field.ErrorList{field.Invalid(p, nil, "`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec")}
	}
	set, errs := whereabouts{d.NodeName, d.NodeSelector, d.AllNodes}.check(p, "must not be empty")
	const one = "exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec"
	switch {
	case len(set) == 0:
		errs = append(errs, field.Required(p, one))
	case len(set) > 1:
		errs = append(errs, field.Invalid(p, fmt.Sprintf("{%s}", strings.Join(set, ", ")), one))
	}
	return errs
}

func validateCounters(set string, counters map[string]resourcev1.Counter, most int, name, p *field.Path) (errs field.ErrorList) {
	if set == "" {
		errs = append(errs, field.Required(name, ""))
	} else {
		errs = append(errs, validateDeviceName(set, name)...)
	}
	switch {
	case len(counters) == 0:
		return append(errs, field.Required(p, ""))
	case len(counters) > most:
		return append(errs, field.TooMany(p, len(counters), most))
	}
	for c := range counters {
		errs = append(errs, validateDeviceName(c, p)...)
	}
	return errs
}

const (
	semverNumber = `(0|[1-9]\d*)`
	semverLabel  = `(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)`
	semverBuild  = `[0-9a-zA-Z-]+`
)

// semver is a version of semver.org's 2.0.0.
var semver = regexp.MustCompile(`^` + semverNumber + `\.` + semverNumber + `\.` + semverNumber +
	`(-` + semverLabel + `(\.` + semverLabel + `)*)?(\+` + semverBuild + `(\.` + semverBuild + `)*)?$`)

func validateAttribute(a *resourcev1.DeviceAttribute, p *field.Path) (errs field.ErrorList) {
	set := 0
	if a.BoolValue != nil {
		set++
	}
	if a.IntValue != nil {
		set++
	}
	if a.StringValue != nil {
		set++
		errs = append(errs, validateAttributeText(*a.StringValue, p.Child("string"))...)
	}
	if a.VersionValue != nil {
		set++
		errs = append(errs, validateAttributeVersion(*a.VersionValue, p.Child("version"))...)
	}
	list := func(there bool, n int, name string, v any) {
		if there {
			if set++; n == 0 {
				errs = append(errs, field.Invalid(p.Child(name), v, "must not be empty if specified"))
			}
		}
	}
	list(a.BoolValues != nil, len(a.BoolValues), "bools", a.BoolValues)
	list(a.IntValues != nil, len(a.IntValues), "ints", a.IntValues)
	list(a.StringValues != nil, len(a.StringValues), "strings", a.StringValues)
	list(a.VersionValues != nil, len(a.VersionValues), "versions", a.VersionValues)
	errs = append(errs, each(a.StringValues, -1, p.Child("strings"), validateAttributeText)...)
	errs = append(errs, each(a.VersionValues, -1, p.Child("versions"), validateAttributeVersion)...)
	const one = "exactly one value must be specified"
	switch set {
	case 0:
		errs = append(errs, field.Invalid(p, "", one))
	case 1:
	default:
		errs = append(errs, field.Invalid(p, a, one))
	}
	return errs
}

func validateAttributeText(s string, p *field.Path) field.ErrorList {
	if len(s) <= resourcev1.DeviceAttributeMaxValueLength {
		return nil
	}
	return field.ErrorList{field.TooLong(p, "", resourcev1.DeviceAttributeMaxValueLength)}
}

func validateAttributeVersion(s string, p *field.Path) (errs field.ErrorList) {
	if !semver.MatchString(s) {
		errs = append(errs, field.Invalid(p, s, "must be a string compatible with semver.org spec 2.0.0"))
	}
	return append(errs, validateAttributeText(s, p)...)
}
