package kind

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func resourceSliceKind() *Kind {
	type slice = resourcev1.ResourceSlice
	return &Kind{
		GroupVersionKind: gvk(resourcev1.GroupName, "v1", "ResourceSlice"), Resource: "resourceslices",
		New:     func() Object { return new(slice) },
		NewList: func() runtime.Object { return new(resourcev1.ResourceSliceList) },
		Prepare: prepares(func(s, old *slice) {
			stableResourceSlice(&s.Spec)
			now := &s.CreationTimestamp
			if old != nil {
				now = lastWritten(s)
			}
			stampTaints(s.Spec.Devices, now)
		}),
		Spec:             part(func(s *slice) any { return &s.Spec }),
		Validate:         validates(validateResourceSlice),
		SelectableFields: []string{"spec.driver", "spec.nodeName"},
		Selectable: labels(func(s *slice) map[string]string {
			return map[string]string{"spec.driver": s.Spec.Driver, "spec.nodeName": orUnset(s.Spec.NodeName, "")}
		}),
		Columns: []Column{
			text("Node", func(s *slice) string { return orUnset(s.Spec.NodeName, "") }),
			text("Driver", func(s *slice) string { return s.Spec.Driver }),
			text("Pool", func(s *slice) string { return s.Spec.Pool.Name }),
		},
	}
}

// stableResourceSlice drops fields that are not stable.
func stableResourceSlice(s *resourcev1.ResourceSliceSpec) {
	s.PartitionTypeAttribute, s.SkipNodeOperations = nil, nil
	for i := range s.Devices {
		s.Devices[i].NodeAllocatableResources = nil
		for j := range s.Devices[i].ConsumesCounters {
			s.Devices[i].ConsumesCounters[j].CompatibilityGroups = nil
		}
	}
}

// stampTaints tells when taints without a time were added.
func stampTaints(devices []resourcev1.Device, now *metav1.Time) {
	for i := range devices {
		for j := range devices[i].Taints {
			if t := &devices[i].Taints[j]; t.TimeAdded == nil && now != nil {
				t.TimeAdded = now.DeepCopy()
			}
		}
	}
}

func validateResourceSlice(r, old *resourcev1.ResourceSlice) (errs field.ErrorList) {
	s := &r.Spec
	driver, pool := specPath.Child("driver"), specPath.Child("pool")
	errs = validateDriverName(s.Driver, driver)
	errs = append(errs, validatePoolName(s.Pool.Name, pool.Child("name"))...)
	if s.Pool.ResourceSliceCount <= 0 {
		errs = append(errs, field.Invalid(pool.Child("resourceSliceCount"), s.Pool.ResourceSliceCount, "must be greater than zero"))
	}
	if s.Pool.Generation < 0 {
		errs = append(errs, field.Invalid(pool.Child("generation"), s.Pool.Generation, "must be greater than or equal to zero"))
	}
	if old != nil {
		errs = append(errs, immutable(s.Pool.Name, old.Spec.Pool.Name, pool.Child("name"))...)
		errs = append(errs, immutable(s.Driver, old.Spec.Driver, driver)...)
		errs = append(errs, immutable(s.NodeName, old.Spec.NodeName, specPath.Child("nodeName"))...)
	}
	errs = append(errs, validateSliceNodes(s)...)
	if s.SharedCounters != nil && s.Devices != nil {
		errs = append(errs, field.Invalid(specPath, "", "only one of `sharedCounters` or `devices` is allowed"))
	}
	most := resourcev1.ResourceSliceMaxDevices
	if isAdvanced(s.Devices) {
		most = resourcev1.ResourceSliceMaxDevicesWithAdvancedFeatures
	}
	errs = append(errs, eachOnce(s.Devices, most, specPath.Child("devices"), func(d resourcev1.Device) string { return d.Name },
		func(d resourcev1.Device, p *field.Path) field.ErrorList {
			return validateDevice(&d, isTrue(s.PerDeviceNodeSelection), p)
		})...)
	return append(errs, eachOnce(s.SharedCounters, resourcev1.ResourceSliceMaxCounterSets, specPath.Child("sharedCounters"),
		func(c resourcev1.CounterSet) string { return c.Name },
		func(c resourcev1.CounterSet, p *field.Path) field.ErrorList {
			return validateCounters(c.Name, c.Counters, resourcev1.ResourceSliceMaxCountersPerCounterSet, p.Child("name"), p.Child("counters"))
		})...)
}

// isAdvanced says whether devices have what makes each of them large.
func isAdvanced(devices []resourcev1.Device) bool {
	for _, d := range devices {
		if len(d.Taints) > 0 || len(d.ConsumesCounters) > 0 {
			return true
		}
		for _, a := range d.Attributes {
			if a.BoolValues != nil || a.IntValues != nil || a.StringValues != nil || a.VersionValues != nil {
				return true
			}
		}
	}
	return false
}

// whereabouts is the fields of which one says on which nodes devices are.
type whereabouts struct {
	node     *string
	selector *corev1.NodeSelector
	all      *bool
}

// check checks the fields that are set, and names them. empty is said of a node's name that is.
func (w whereabouts) check(p *field.Path, empty string) (set []string, errs field.ErrorList) {
	switch at := p.Child("nodeName"); {
	case w.node == nil:
	case *w.node == "":
		errs = append(errs, field.Invalid(at, *w.node, empty))
	default:
		set = append(set, "`nodeName`")
		errs = append(errs, invalids(at, *w.node, subdomain(*w.node))...)
	}
	if w.selector != nil {
		set = append(set, "`nodeSelector`")
		errs = append(errs, validateNodeSelector(w.selector, p.Child("nodeSelector"))...)
	}
	flag, more := setOrTrue(w.all, "allNodes", p)
	return append(set, flag...), append(errs, more...)
}

// setOrTrue checks a switch that is either left out or on.
func setOrTrue(b *bool, name string, p *field.Path) (set []string, errs field.ErrorList) {
	switch {
	case b == nil:
		return nil, nil
	case *b:
		return []string{"`" + name + "`"}, nil
	}
	return nil, field.ErrorList{field.Invalid(p.Child(name), *b, "must be either unset or set to true")}
}

func validateSliceNodes(s *resourcev1.ResourceSliceSpec) field.ErrorList {
	set, errs := whereabouts{s.NodeName, s.NodeSelector, s.AllNodes}.check(specPath, "must be either unset or set to a non-empty string")
	if s.NodeSelector != nil && len(s.NodeSelector.NodeSelectorTerms) != 1 {
		errs = append(errs, field.Invalid(specPath.Child("nodeSelector", "nodeSelectorTerms"), s.NodeSelector.NodeSelectorTerms, "must have exactly one node selector term"))
	}
	each, more := setOrTrue(s.PerDeviceNodeSelection, "perDeviceNodeSelection", specPath)
	set, errs = append(set, each...), append(errs, more...)
	const one = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"
	switch {
	case len(set) == 0:
		errs = append(errs, field.Required(specPath, one))
	case len(set) > 1:
		errs = append(errs, field.Invalid(specPath, fmt.Sprintf("{%s}", strings.Join(set, ", ")), one+", but multiple fields are set"))
	}
	return errs
}
