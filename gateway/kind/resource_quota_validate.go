package kind

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateResourceQuota(q, old *corev1.ResourceQuota) (errs field.ErrorList) {
	errs = validateQuotaList(q.Spec.Hard, specPath.Child("hard"))
	errs = append(errs, validateQuotaScopes(&q.Spec, specPath.Child("scopes"))...)
	if q.Spec.ScopeSelector != nil {
		errs = append(errs, validateQuotaSelector(&q.Spec, specPath.Child("scopeSelector", "matchExpressions"))...)
	}
	if old != nil && !sameScopes(q.Spec.Scopes, old.Spec.Scopes) {
		errs = append(errs, field.Invalid(specPath.Child("scopes"), q.Spec.Scopes, immutableField))
	}
	return errs
}

func sameScopes(a, b []corev1.ResourceQuotaScope) bool {
	within := func(a, b []corev1.ResourceQuotaScope) bool {
		return !slices.ContainsFunc(a, func(s corev1.ResourceQuotaScope) bool { return !slices.Contains(b, s) })
	}
	return within(a, b) && within(b, a)
}

func validateResourceQuotaStatus(q, _ *corev1.ResourceQuota) field.ErrorList {
	errs := validateQuotaList(q.Status.Hard, statusPath.Child("hard"))
	return append(errs, validateQuotaList(q.Status.Used, statusPath.Child("used"))...)
}

func validateQuotaList(list corev1.ResourceList, p *field.Path) (errs field.ErrorList) {
	for name, q := range list {
		at := p.Key(string(name))
		if complaints := qualifiedName(string(name)); len(complaints) > 0 {
			errs = append(errs, invalids(at, name, complaints)...)
		} else if !strings.Contains(string(name), "/") && (!isStandardResource(name) || name == corev1.ResourceStorage) {
			errs = append(errs, field.Invalid(at, name, "must be a standard resource for quota"))
		}
		errs = append(errs, validateQuantity(name, q, at)...)
	}
	return errs
}

// opposites are scopes of which nothing is in both.
var opposites = [][2]corev1.ResourceQuotaScope{
	{corev1.ResourceQuotaScopeBestEffort, corev1.ResourceQuotaScopeNotBestEffort},
	{corev1.ResourceQuotaScopeTerminating, corev1.ResourceQuotaScopeNotTerminating},
}

func validateQuotaScopes(s *corev1.ResourceQuotaSpec, p *field.Path) (errs field.ErrorList) {
	for _, scope := range s.Scopes {
		if !isQuotaScope(scope) {
			errs = append(errs, field.Invalid(p, s.Scopes, "unsupported scope"))
		}
		for range unscoped(s.Hard, scope) {
			errs = append(errs, field.Invalid(p, s.Scopes, "unsupported scope applied to resource"))
		}
	}
	for _, o := range opposites {
		if slices.Contains(s.Scopes, o[0]) && slices.Contains(s.Scopes, o[1]) {
			errs = append(errs, field.Invalid(p, s.Scopes, "conflicting scopes"))
		}
	}
	return errs
}

func validateQuotaSelector(s *corev1.ResourceQuotaSpec, p *field.Path) (errs field.ErrorList) {
	all := s.ScopeSelector.MatchExpressions
	var scopes []corev1.ResourceQuotaScope
	for i := range all {
		r := &all[i]
		if !isQuotaScope(r.ScopeName) {
			errs = append(errs, field.Invalid(p.Child("scopeName"), r.ScopeName, "unsupported scope"))
		}
		for range unscoped(s.Hard, r.ScopeName) {
			errs = append(errs, field.Invalid(p, s.ScopeSelector, "unsupported scope applied to resource"))
		}
		errs = append(errs, validateScopeRequirement(r, p)...)
		scopes = append(scopes, r.ScopeName)
	}
	for _, o := range opposites {
		if slices.Contains(scopes, o[0]) && slices.Contains(scopes, o[1]) {
			errs = append(errs, field.Invalid(p, all, "conflicting scopes"))
		}
	}
	return errs
}

func validateScopeRequirement(r *corev1.ScopedResourceSelectorRequirement, p *field.Path) (errs field.ErrorList) {
	valued := r.ScopeName == corev1.ResourceQuotaScopePriorityClass || r.ScopeName == corev1.ResourceQuotaScopeVolumeAttributesClass
	if isQuotaScope(r.ScopeName) && !valued && r.Operator != corev1.ScopeSelectorOpExists {
		errs = append(errs, field.Invalid(p.Child("operator"), r.Operator, "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, "+
			"ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"))
	}
	switch r.Operator {
	case corev1.ScopeSelectorOpIn, corev1.ScopeSelectorOpNotIn:
		if len(r.Values) == 0 {
			errs = append(errs, field.Required(p.Child("values"), "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"))
		}
	case corev1.ScopeSelectorOpExists, corev1.ScopeSelectorOpDoesNotExist:
		if len(r.Values) != 0 {
			errs = append(errs, field.Invalid(p.Child("values"), r.Values, "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"))
		}
	default:
		errs = append(errs, field.Invalid(p.Child("operator"), r.Operator, "not a valid selector operator"))
	}
	return errs
}

func isQuotaScope(s corev1.ResourceQuotaScope) bool {
	switch s {
	case corev1.ResourceQuotaScopeTerminating, corev1.ResourceQuotaScopeNotTerminating, corev1.ResourceQuotaScopeBestEffort,
		corev1.ResourceQuotaScopeNotBestEffort, corev1.ResourceQuotaScopePriorityClass,
		corev1.ResourceQuotaScopeCrossNamespacePodAffinity, corev1.ResourceQuotaScopeVolumeAttributesClass:
		return true
	}
	return false
}

// unscoped are the standard resources of a list that cannot be counted by scope.
func unscoped(hard corev1.ResourceList, s corev1.ResourceQuotaScope) (names []corev1.ResourceName) {
	for name := range hard {
		if isStandardResource(name) && !isCountedBy(s, name) {
			names = append(names, name)
		}
	}
	return names
}

func isCountedBy(s corev1.ResourceQuotaScope, name corev1.ResourceName) bool {
	switch s {
	case corev1.ResourceQuotaScopeBestEffort:
		return name == corev1.ResourcePods
	case corev1.ResourceQuotaScopeVolumeAttributesClass:
		return name == corev1.ResourcePersistentVolumeClaims || name == corev1.ResourceRequestsStorage
	case corev1.ResourceQuotaScopeTerminating, corev1.ResourceQuotaScopeNotTerminating, corev1.ResourceQuotaScopeNotBestEffort,
		corev1.ResourceQuotaScopePriorityClass, corev1.ResourceQuotaScopeCrossNamespacePodAffinity:
		return isPodResource(name)
	}
	return true
}

// isPodResource says whether a quota's resource is one of pods.
func isPodResource(name corev1.ResourceName) bool {
	switch name {
	case corev1.ResourcePods, corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage,
		corev1.ResourceRequestsCPU, corev1.ResourceRequestsMemory, corev1.ResourceRequestsEphemeralStorage,
		corev1.ResourceLimitsCPU, corev1.ResourceLimitsMemory, corev1.ResourceLimitsEphemeralStorage:
		return true
	}
	return isHugePages(name) || strings.HasPrefix(string(name), corev1.ResourceRequestsHugePagesPrefix)
}
