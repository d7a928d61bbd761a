package kind

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateNode(n, old *corev1.Node) (errs field.ErrorList) {
	errs = validateTaints(n.Spec.Taints, specPath.Child("taints"))
	errs = append(errs, validatePodCIDRs(n.Spec.PodCIDRs)...)
	errs = append(errs, validateResourceList(n.Status.Capacity, statusPath.Child("capacity"))...)
	errs = append(errs, validateResourceList(n.Status.Allocatable, statusPath.Child("allocatable"))...)
	if old == nil {
		return errs
	}
	seen := make(map[corev1.NodeAddress]bool, len(n.Status.Addresses))
	for i, a := range n.Status.Addresses {
		if seen[a] {
			errs = append(errs, field.Duplicate(statusPath.Child("addresses").Index(i), a))
		}
		seen[a] = true
	}
	return append(errs, validateNodeChange(n, old)...)
}

func validateNodeChange(n, old *corev1.Node) (errs field.ErrorList) {
	if len(old.Spec.PodCIDRs) > 0 && !equality.Semantic.DeepEqual(n.Spec.PodCIDRs, old.Spec.PodCIDRs) {
		errs = append(errs, field.Forbidden(specPath.Child("podCIDRs"), "node updates may not change podCIDR except from \"\" to valid"))
	}
	if old.Spec.ProviderID != "" && n.Spec.ProviderID != old.Spec.ProviderID {
		errs = append(errs, field.Forbidden(specPath.Child("providerID"), "node updates may not change providerID except from \"\" to valid"))
	}
	rest := n.Spec
	rest.PodCIDR, rest.PodCIDRs, rest.ProviderID = old.Spec.PodCIDR, old.Spec.PodCIDRs, old.Spec.ProviderID
	rest.Taints, rest.Unschedulable, rest.ConfigSource = old.Spec.Taints, old.Spec.Unschedulable, old.Spec.ConfigSource
	if !equality.Semantic.DeepEqual(rest, old.Spec) {
		errs = append(errs, field.Forbidden(field.NewPath(""), "node updates may only change labels, taints, or capacity (or configSource, if the DynamicKubeletConfig feature gate is enabled)"))
	}
	return errs
}

func validatePodCIDRs(cidrs []string) (errs field.ErrorList) {
	p := specPath.Child("podCIDRs")
	for i, c := range cidrs {
		errs = append(errs, validation.IsValidCIDR(p.Index(i), c)...)
	}
	if len(cidrs) > 2 {
		errs = append(errs, field.Invalid(p, cidrs, "may specify no more than one CIDR for each IP family"))
	}
	return errs
}

func validateTaints(taints []corev1.Taint, p *field.Path) (errs field.ErrorList) {
	type id struct {
		key    string
		effect corev1.TaintEffect
	}
	seen := make(map[id]bool, len(taints))
	for i, t := range taints {
		at := p.Index(i)
		errs = append(errs, invalids(at.Child("key"), t.Key, qualifiedName(t.Key))...)
		errs = append(errs, invalids(at.Child("value"), t.Value, labelValue(t.Value))...)
		errs = append(errs, validateTaintEffect(t.Effect, false, at.Child("effect"))...)
		if seen[id{t.Key, t.Effect}] {
			d := field.Duplicate(at, t)
			d.Detail = "taints must be unique by key and effect pair"
			errs = append(errs, d)
		}
		seen[id{t.Key, t.Effect}] = true
	}
	return errs
}

func validateTaintEffect(e corev1.TaintEffect, mayBeEmpty bool, p *field.Path) field.ErrorList {
	switch e {
	case corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute:
		return nil
	case "":
		if mayBeEmpty {
			return nil
		}
		return field.ErrorList{field.Required(p, "")}
	}
	return field.ErrorList{field.NotSupported(p, e, []corev1.TaintEffect{
		corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute,
	})}
}

// validateResourceList checks the names and quantities of what a node has.
func validateResourceList(list corev1.ResourceList, p *field.Path) (errs field.ErrorList) {
	for name, q := range list {
		at := p.Key(string(name))
		errs = append(errs, validateResourceName(name, at)...)
		errs = append(errs, validateQuantity(name, q, at)...)
	}
	return errs
}

func validateResourceName(name corev1.ResourceName, p *field.Path) (errs field.ErrorList) {
	if errs = invalids(p, name, qualifiedName(string(name))); len(errs) > 0 {
		return errs
	}
	if isNative(name) && !isStandardResource(name) {
		errs = append(errs, field.Invalid(p, name, "must be a standard resource type or fully qualified"))
	}
	return errs
}
