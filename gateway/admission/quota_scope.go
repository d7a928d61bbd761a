package admission

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

// covers says whether an object is within a quota's scopes. A quota with scopes of pods is about pods alone.
func covers(quota *corev1.ResourceQuota, of subject.Resource, obj kind.Object) bool {
	for _, scope := range quota.Spec.Scopes {
		if !inScope(corev1.ScopedResourceSelectorRequirement{ScopeName: scope, Operator: corev1.ScopeSelectorOpExists}, obj) {
			return false
		}
	}
	if s := quota.Spec.ScopeSelector; s != nil {
		for _, r := range s.MatchExpressions {
			if !inScope(r, obj) {
				return false
			}
		}
	}
	return len(quota.Spec.Scopes) == 0 && quota.Spec.ScopeSelector == nil || of == subject.Pods || of == volumeClaims
}

func inScope(r corev1.ScopedResourceSelectorRequirement, obj kind.Object) bool {
	switch o := obj.(type) {
	case *corev1.Pod:
		return podInScope(r, o)
	case *corev1.PersistentVolumeClaim:
		return r.ScopeName == corev1.ResourceQuotaScopeVolumeAttributesClass && anyValue(r, attributesClasses(o)...)
	}
	return false
}

func podInScope(r corev1.ScopedResourceSelectorRequirement, pod *corev1.Pod) bool {
	ends := pod.Spec.ActiveDeadlineSeconds != nil && *pod.Spec.ActiveDeadlineSeconds >= 0
	bestEffort := kind.PodQOS(pod) == corev1.PodQOSBestEffort
	switch r.ScopeName {
	case corev1.ResourceQuotaScopeTerminating:
		return ends
	case corev1.ResourceQuotaScopeNotTerminating:
		return !ends
	case corev1.ResourceQuotaScopeBestEffort:
		return bestEffort
	case corev1.ResourceQuotaScopeNotBestEffort:
		return !bestEffort
	case corev1.ResourceQuotaScopePriorityClass:
		if pod.Spec.PriorityClassName == "" {
			return anyValue(r)
		}
		return anyValue(r, pod.Spec.PriorityClassName)
	case corev1.ResourceQuotaScopeCrossNamespacePodAffinity:
		return reachesOtherNamespaces(pod.Spec.Affinity)
	}
	return false
}

// anyValue says whether one of an object's values is as the requirement wants it; none is no value.
func anyValue(r corev1.ScopedResourceSelectorRequirement, values ...string) bool {
	listed := slices.ContainsFunc(values, func(v string) bool { return slices.Contains(r.Values, v) })
	switch r.Operator {
	case corev1.ScopeSelectorOpIn:
		return listed
	case corev1.ScopeSelectorOpNotIn:
		return !listed
	case corev1.ScopeSelectorOpDoesNotExist:
		return len(values) == 0
	}
	return len(values) > 0
}

// attributesClasses are the classes that a claim has or is on its way to.
func attributesClasses(c *corev1.PersistentVolumeClaim) (names []string) {
	for _, name := range []*string{c.Spec.VolumeAttributesClassName, c.Status.CurrentVolumeAttributesClassName} {
		if name != nil && *name != "" {
			names = append(names, *name)
		}
	}
	return names
}

// reachesOtherNamespaces says whether a pod's affinity is about pods of other namespaces.
func reachesOtherNamespaces(a *corev1.Affinity) bool {
	if a == nil {
		return false
	}
	reaches := func(t *corev1.PodAffinityTerm) bool { return len(t.Namespaces) > 0 || t.NamespaceSelector != nil }
	any := func(required []corev1.PodAffinityTerm, preferred []corev1.WeightedPodAffinityTerm) bool {
		return slices.ContainsFunc(required, func(t corev1.PodAffinityTerm) bool { return reaches(&t) }) ||
			slices.ContainsFunc(preferred, func(t corev1.WeightedPodAffinityTerm) bool { return reaches(&t.PodAffinityTerm) })
	}
	with, without := a.PodAffinity, a.PodAntiAffinity
	return with != nil && any(with.RequiredDuringSchedulingIgnoredDuringExecution, with.PreferredDuringSchedulingIgnoredDuringExecution) ||
		without != nil && any(without.RequiredDuringSchedulingIgnoredDuringExecution, without.PreferredDuringSchedulingIgnoredDuringExecution)
}
