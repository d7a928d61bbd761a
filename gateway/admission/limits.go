package admission

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	resourcehelper "k8s.io/component-helpers/resource"
)

// usage is what a container, a pod or a claim requests and is limited to.
type usage struct{ requests, limits corev1.ResourceList }

// limitPod checks a pod and its containers against a namespace's bounds.
func limitPod(pod *corev1.Pod, s *corev1.LimitRangeSpec) error {
	var faults []error
	for i := range s.Limits {
		l := &s.Limits[i]
		switch l.Type {
		case corev1.LimitTypeContainer:
			for _, containers := range [][]corev1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
				for j := range containers {
					r := &containers[j].Resources
					faults = append(faults, limit(l, usage{r.Requests, r.Limits})...)
				}
			}
		case corev1.LimitTypePod:
			whole := usage{
				resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{ExcludeOverhead: true}),
				resourcehelper.PodLimits(pod, resourcehelper.PodResourcesOptions{ExcludeOverhead: true}),
			}
			faults = append(faults, limit(l, whole)...)
		}
	}
	return utilerrors.NewAggregate(faults)
}

// limitClaim checks a claim, which has no limits of its own.
func limitClaim(c *corev1.PersistentVolumeClaim, s *corev1.LimitRangeSpec) error {
	var faults []error
	for i := range s.Limits {
		l := &s.Limits[i]
		if l.Type != corev1.LimitTypePersistentVolumeClaim {
			continue
		}
		for _, name := range named(l.Min) {
			faults = append(faults, atLeast(l, name, l.Min[name], usage{requests: c.Spec.Resources.Requests})...)
		}
		for _, name := range named(l.Max) {
			faults = append(faults, requestAtMost(l, name, l.Max[name], c.Spec.Resources.Requests)...)
		}
	}
	return utilerrors.NewAggregate(faults)
}

func named(list corev1.ResourceList) []corev1.ResourceName { return slices.Sorted(maps.Keys(list)) }

func limit(l *corev1.LimitRangeItem, u usage) (faults []error) {
	for _, name := range named(l.Min) {
		faults = append(faults, atLeast(l, name, l.Min[name], u)...)
	}
	for _, name := range named(l.Max) {
		faults = append(faults, atMost(l, name, l.Max[name], u)...)
	}
	for _, name := range named(l.MaxLimitRequestRatio) {
		faults = append(faults, ratioAtMost(l, name, l.MaxLimitRequestRatio[name], u)...)
	}
	return faults
}

func one(format string, args ...any) []error { return []error{fmt.Errorf(format, args...)} }

func atLeast(l *corev1.LimitRangeItem, name corev1.ResourceName, bound resource.Quantity, u usage) []error {
	request, requested := u.requests[name]
	most, limited := u.limits[name]
	switch {
	case !requested:
		return one("minimum %s usage per %s is %s.  No request is specified", name, l.Type, bound.String())
	case request.Cmp(bound) < 0:
		return one("minimum %s usage per %s is %s, but request is %s", name, l.Type, bound.String(), request.String())
	case limited && most.Cmp(bound) < 0:
		return one("minimum %s usage per %s is %s, but limit is %s", name, l.Type, bound.String(), most.String())
	}
	return nil
}

func atMost(l *corev1.LimitRangeItem, name corev1.ResourceName, bound resource.Quantity, u usage) []error {
	most, limited := u.limits[name]
	request, requested := u.requests[name]
	switch {
	case !limited:
		return one("maximum %s usage per %s is %s.  No limit is specified", name, l.Type, bound.String())
	case most.Cmp(bound) > 0:
		return one("maximum %s usage per %s is %s, but limit is %s", name, l.Type, bound.String(), most.String())
	case requested && request.Cmp(bound) > 0:
		return one("maximum %s usage per %s is %s, but request is %s", name, l.Type, bound.String(), request.String())
	}
	return nil
}

func requestAtMost(l *corev1.LimitRangeItem, name corev1.ResourceName, bound resource.Quantity, requests corev1.ResourceList) []error {
	request, requested := requests[name]
	switch {
	case !requested:
		return one("maximum %s usage per %s is %s.  No request is specified", name, l.Type, bound.String())
	case request.Cmp(bound) > 0:
		return one("maximum %s usage per %s is %s, but request is %s", name, l.Type, bound.String(), request.String())
	}
	return nil
}

func ratioAtMost(l *corev1.LimitRangeItem, name corev1.ResourceName, bound resource.Quantity, u usage) []error {
	request, most := u.requests[name], u.limits[name]
	switch {
	case request.IsZero():
		return one("%s max limit to request ratio per %s is %s, but no request is specified or request is 0", name, l.Type, bound.String())
	case most.IsZero():
		return one("%s max limit to request ratio per %s is %s, but no limit is specified or limit is 0", name, l.Type, bound.String())
	}
	if ratio := most.AsApproximateFloat64() / request.AsApproximateFloat64(); ratio > bound.AsApproximateFloat64() {
		return one("%s max limit to request ratio per %s is %s, but provided ratio is %f", name, l.Type, bound.String(), ratio)
	}
	return nil
}
