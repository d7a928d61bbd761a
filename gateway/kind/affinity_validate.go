package kind

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateAffinity(a *corev1.Affinity, p *field.Path) (errs field.ErrorList) {
	if a == nil {
		return nil
	}
	const required, preferred = "requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution"
	if n := a.NodeAffinity; n != nil {
		at := p.Child("nodeAffinity")
		if n.RequiredDuringSchedulingIgnoredDuringExecution != nil {
			errs = append(errs, validateNodeSelector(n.RequiredDuringSchedulingIgnoredDuringExecution, at.Child(required))...)
		}
		for i := range n.PreferredDuringSchedulingIgnoredDuringExecution {
			t, at := &n.PreferredDuringSchedulingIgnoredDuringExecution[i], at.Child(preferred).Index(i)
			errs = append(errs, validateWeight(t.Weight, at)...)
			errs = append(errs, validateNodeTerm(&t.Preference, at.Child("preference"))...)
		}
	}
	pods := func(must []corev1.PodAffinityTerm, wish []corev1.WeightedPodAffinityTerm, at *field.Path) {
		for i := range must {
			errs = append(errs, validatePodAffinityTerm(&must[i], at.Child(required).Index(i))...)
		}
		for i := range wish {
			at := at.Child(preferred).Index(i)
			errs = append(errs, validateWeight(wish[i].Weight, at)...)
			errs = append(errs, validatePodAffinityTerm(&wish[i].PodAffinityTerm, at.Child("podAffinityTerm"))...)
		}
	}
	if t := a.PodAffinity; t != nil {
		pods(t.RequiredDuringSchedulingIgnoredDuringExecution, t.PreferredDuringSchedulingIgnoredDuringExecution, p.Child("podAffinity"))
	}
	if t := a.PodAntiAffinity; t != nil {
		pods(t.RequiredDuringSchedulingIgnoredDuringExecution, t.PreferredDuringSchedulingIgnoredDuringExecution, p.Child("podAntiAffinity"))
	}
	return errs
}

func validateWeight(w int32, at *field.Path) field.ErrorList {
	if 1 <= w && w <= 100 {
		return nil
	}
	return field.ErrorList{field.Invalid(at.Child("weight"), w, "must be in the range 1-100")}
}

func validateNodeSelector(s *corev1.NodeSelector, p *field.Path) (errs field.ErrorList) {
	terms := p.Child("nodeSelectorTerms")
	if len(s.NodeSelectorTerms) == 0 {
		return field.ErrorList{field.Required(terms, "must have at least one node selector term")}
	}
	for i := range s.NodeSelectorTerms {
		errs = append(errs, validateNodeTerm(&s.NodeSelectorTerms[i], terms.Index(i))...)
	}
	return errs
}

func validateNodeTerm(t *corev1.NodeSelectorTerm, p *field.Path) (errs field.ErrorList) {
	for i := range t.MatchExpressions {
		errs = append(errs, validateNodeExpression(&t.MatchExpressions[i], p.Child("matchExpressions").Index(i))...)
	}
	for i := range t.MatchFields {
		errs = append(errs, validateNodeField(&t.MatchFields[i], p.Child("matchFields").Index(i))...)
	}
	return errs
}

func validateNodeExpression(r *corev1.NodeSelectorRequirement, p *field.Path) (errs field.ErrorList) {
	values := p.Child("values")
	switch r.Operator {
	case corev1.NodeSelectorOpIn, corev1.NodeSelectorOpNotIn:
		if len(r.Values) == 0 {
			errs = append(errs, field.Required(values, "must be specified when `operator` is 'In' or 'NotIn'"))
		}
	case corev1.NodeSelectorOpExists, corev1.NodeSelectorOpDoesNotExist:
		if len(r.Values) > 0 {
			errs = append(errs, field.Forbidden(values, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
		}
	case corev1.NodeSelectorOpGt, corev1.NodeSelectorOpLt:
		if len(r.Values) != 1 {
			errs = append(errs, field.Required(values, "must be specified single value when `operator` is 'Lt' or 'Gt'"))
		} else if _, err := strconv.ParseInt(r.Values[0], 10, 64); err != nil {
			errs = append(errs, field.Invalid(values.Index(0), r.Values[0], "must be an integer"))
		}
	default:
		errs = append(errs, field.Invalid(p.Child("operator"), r.Operator, "not a valid selector operator"))
	}
	errs = append(errs, invalids(p.Child("key"), r.Key, qualifiedName(r.Key))...)
	for i, v := range r.Values {
		errs = append(errs, invalids(values.Index(i), v, labelValue(v))...)
	}
	return errs
}

func validateNodeField(r *corev1.NodeSelectorRequirement, p *field.Path) (errs field.ErrorList) {
	switch r.Operator {
	case corev1.NodeSelectorOpIn, corev1.NodeSelectorOpNotIn:
		if len(r.Values) != 1 {
			errs = append(errs, field.Required(p.Child("values"), "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"))
		}
	default:
		errs = append(errs, field.Invalid(p.Child("operator"), r.Operator, "not a valid selector operator"))
	}
	if r.Key != "metadata.name" {
		return append(errs, field.Invalid(p.Child("key"), r.Key, "not a valid field selector key"))
	}
	for i, v := range r.Values {
		errs = append(errs, invalids(p.Child("values").Index(i), v, subdomain(v))...)
	}
	return errs
}

func validatePodAffinityTerm(t *corev1.PodAffinityTerm, p *field.Path) (errs field.ErrorList) {
	errs = validateSelector(t.LabelSelector, p.Child("labelSelector"))
	errs = append(errs, validateSelector(t.NamespaceSelector, p.Child("namespaceSelector"))...)
	for _, n := range t.Namespaces {
		errs = append(errs, invalids(p.Child("namespace"), n, dnsLabel(n))...)
	}
	keys := sets.New[string]()
	for _, list := range []struct {
		name string
		keys []string
	}{{"matchLabelKeys", t.MatchLabelKeys}, {"mismatchLabelKeys", t.MismatchLabelKeys}} {
		at := p.Child(list.name)
		if len(list.keys) > 0 && t.LabelSelector == nil {
			errs = append(errs, field.Forbidden(at, "must not be specified when labelSelector is not set"))
		}
		for i, k := range list.keys {
			errs = append(errs, invalids(at.Index(i), k, qualifiedName(k))...)
			if keys.Has(k) {
				errs = append(errs, field.Invalid(at.Index(i), k, "exists in both matchLabelKeys and mismatchLabelKeys"))
			}
		}
		keys.Insert(list.keys...)
	}
	if t.TopologyKey == "" {
		return append(errs, field.Required(p.Child("topologyKey"), "can not be empty"))
	}
	return append(errs, invalids(p.Child("topologyKey"), t.TopologyKey, qualifiedName(t.TopologyKey))...)
}
