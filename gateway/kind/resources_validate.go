package kind

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	resourcehelper "k8s.io/component-helpers/resource"
)

// validateContainerResources checks requests and limits, and one against the other.
func validateContainerResources(r *corev1.ResourceRequirements, p *field.Path) (errs field.ErrorList) {
	if len(r.Limits)+len(r.Requests) == 0 {
		return nil
	}
	limits, requests := p.Child("limits"), p.Child("requests")
	huge, compute := false, false
	note := func(name corev1.ResourceName) {
		huge = huge || isHugePages(name)
		compute = compute || name == corev1.ResourceCPU || name == corev1.ResourceMemory
	}
	for name, q := range r.Limits {
		note(name)
		errs = append(errs, validateContainerResource(name, q, limits)...)
	}
	for name, q := range r.Requests {
		note(name)
		errs = append(errs, validateContainerResource(name, q, requests)...)
		errs = append(errs, validateRequest(name, q, r.Limits, p)...)
	}
	if huge && !compute {
		errs = append(errs, field.Forbidden(p, "HugePages require cpu or memory"))
	}
	return errs
}

func validateContainerResource(name corev1.ResourceName, q resource.Quantity, list *field.Path) field.ErrorList {
	switch name {
	case corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage:
		if q.Sign() >= 0 {
			return nil
		}
	}
	p := list.Key(string(name))
	errs := invalids(p, name, qualifiedName(string(name)))
	switch {
	case len(errs) > 0:
	case isNative(name):
		if name != corev1.ResourceCPU && name != corev1.ResourceMemory && name != corev1.ResourceEphemeralStorage && !isHugePages(name) {
			errs = append(errs, field.Invalid(p, name, "must be a standard resource for containers"))
		}
	case !isExtended(name):
		errs = append(errs, field.Invalid(p, name, "doesn't follow extended resource name standard"))
	}
	return append(errs, validateQuantity(name, q, p)...)
}

// validateRequest compares a request with its limit; of what cannot be overcommitted the two are equal.
func validateRequest(name corev1.ResourceName, q resource.Quantity, limits corev1.ResourceList, p *field.Path) field.ErrorList {
	limit, limited := limits[name]
	exact := isExtended(name) || isHugePages(name)
	switch {
	case limited && exact && q.Cmp(limit) != 0:
		return field.ErrorList{field.Invalid(p.Child("requests"), q.String(), fmt.Sprintf("must be equal to %s limit of %s", name, limit.String()))}
	case limited && q.Cmp(limit) > 0:
		return field.ErrorList{field.Invalid(p.Child("requests"), q.String(), fmt.Sprintf("must be less than or equal to %s limit of %s", name, limit.String()))}
	case !limited && exact:
		return field.ErrorList{field.Required(p.Child("limits"), "Limit must be set for non overcommitable resources")}
	}
	return nil
}

func validateResizePolicy(policies []corev1.ContainerResizePolicy, restart corev1.RestartPolicy, p *field.Path) (errs field.ErrorList) {
	seen := sets.New[corev1.ResourceName]()
	for i, r := range policies {
		if seen.Has(r.ResourceName) {
			errs = append(errs, field.Duplicate(p.Index(i), r.ResourceName))
		}
		seen.Insert(r.ResourceName)
		errs = append(errs, oneOf(r.ResourceName, p, corev1.ResourceCPU, corev1.ResourceMemory)...)
		errs = append(errs, oneOf(r.RestartPolicy, p, corev1.NotRequired, corev1.RestartContainer)...)
		if restart == corev1.RestartPolicyNever && r.RestartPolicy != corev1.NotRequired {
			errs = append(errs, field.Invalid(p, r.RestartPolicy, "must be 'NotRequired' when `restartPolicy` is 'Never'"))
		}
	}
	return errs
}

// validatePodResources checks the pod's own resources, and that its containers fit in.
func validatePodResources(s *corev1.PodSpec, p *field.Path) (errs field.ErrorList) {
	for name, q := range s.Overhead {
		errs = append(errs, validateContainerResource(name, q, p.Child("overhead"))...)
	}
	if s.Resources == nil {
		return errs
	}
	at := p.Child("resources")
	for _, list := range []struct {
		name string
		of   corev1.ResourceList
	}{{"limits", s.Resources.Limits}, {"requests", s.Resources.Requests}} {
		for name := range list.of {
			if !resourcehelper.IsSupportedPodLevelResource(name) {
				errs = append(errs, field.NotSupported(at.Child(list.name), name, sets.List(resourcehelper.SupportedPodLevelResources())))
			}
		}
	}
	errs = append(errs, validateContainerResources(s.Resources, at)...)
	pod := &corev1.Pod{Spec: *s}
	for name, sum := range resourcehelper.AggregateContainerRequests(pod, resourcehelper.PodResourcesOptions{}) {
		if own, ok := s.Resources.Requests[name]; ok && sum.Cmp(own) > 0 {
			errs = append(errs, field.Invalid(at.Child("requests").Key(string(name)), own.String(),
				fmt.Sprintf("must be greater than or equal to aggregate container requests of %s", sum.String())))
		}
	}
	for i := range s.Containers {
		for name, limit := range s.Containers[i].Resources.Limits {
			if own, ok := s.Resources.Limits[name]; ok && limit.Cmp(own) > 0 {
				errs = append(errs, field.Invalid(p.Child("containers").Index(i).Child("resources", "limits").Key(string(name)), limit.String(),
					fmt.Sprintf("must be less than or equal to pod limits of %s", own.String())))
			}
		}
	}
	return errs
}
