package kind

import (
	"fmt"
	"slices"
	"strings"

	registrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateRuleWithOperations checks which writes a webhook or a policy is about.
func validateRuleWithOperations(r *registrationv1.RuleWithOperations, p *field.Path) (errs field.ErrorList) {
	at := p.Child("operations")
	if len(r.Operations) == 0 {
		errs = append(errs, field.Required(at, ""))
	}
	if len(r.Operations) > 1 && slices.Contains(r.Operations, registrationv1.OperationAll) {
		errs = append(errs, field.Invalid(at, r.Operations, "if '*' is present, must not specify other operations"))
	}
	for i, o := range r.Operations {
		errs = append(errs, oneOfOrUnsupported(o, at.Index(i),
			registrationv1.OperationAll, registrationv1.Connect, registrationv1.Create, registrationv1.Delete, registrationv1.Update)...)
	}
	return append(errs, validateRule(&r.Rule, p)...)
}

func validateRule(r *registrationv1.Rule, p *field.Path) (errs field.ErrorList) {
	errs = validateOrAll(r.APIGroups, "API groups", p.Child("apiGroups"))
	errs = append(errs, validateOrAll(r.APIVersions, "API versions", p.Child("apiVersions"))...)
	for i, version := range r.APIVersions {
		if version == "" {
			errs = append(errs, field.Required(p.Child("apiVersions").Index(i), ""))
		}
	}
	errs = append(errs, validateRuleResources(r.Resources, p.Child("resources"))...)
	if r.Scope != nil {
		errs = append(errs, oneOfOrUnsupported(*r.Scope, p.Child("scope"),
			registrationv1.AllScopes, registrationv1.ClusterScope, registrationv1.NamespacedScope)...)
	}
	return errs
}

// validateOrAll checks a list that may be but a star.
func validateOrAll(list []string, what string, p *field.Path) (errs field.ErrorList) {
	if len(list) == 0 {
		errs = append(errs, field.Required(p, ""))
	}
	if len(list) > 1 && slices.Contains(list, "*") {
		errs = append(errs, field.Invalid(p, list, "if '*' is present, must not specify other "+what))
	}
	return errs
}

// validateRuleResources refuses resources that others of the list have already.
func validateRuleResources(list []string, p *field.Path) (errs field.ErrorList) {
	if len(list) == 0 {
		return field.ErrorList{field.Required(p, "")}
	}
	ofResource, ofSubresource := map[string]bool{}, map[string]bool{}
	plain := false
	for i, r := range list {
		if r == "" {
			errs = append(errs, field.Required(p.Index(i), ""))
			continue
		}
		resource, sub, has := strings.Cut(r, "/")
		if !has {
			plain = plain || r != "*"
			continue
		}
		if ofResource[resource] {
			errs = append(errs, field.Invalid(p.Index(i), r, fmt.Sprintf("if '%s/*' is present, must not specify %s", resource, r)))
		}
		if ofSubresource[sub] {
			errs = append(errs, field.Invalid(p.Index(i), r, fmt.Sprintf("if '*/%s' is present, must not specify %s", sub, r)))
		}
		ofResource[resource] = ofResource[resource] || sub == "*"
		ofSubresource[sub] = ofSubresource[sub] || resource == "*"
	}
	if len(list) > 1 && slices.Contains(list, "*/*") {
		errs = append(errs, field.Invalid(p, list, "if '*/*' is present, must not specify other resources"))
	}
	if plain && slices.Contains(list, "*") {
		errs = append(errs, field.Invalid(p, list, "if '*' is present, must not specify other resources without subresources"))
	}
	return errs
}

func defaultMatch(m *registrationv1.MatchResources) {
	if m == nil {
		return
	}
	setDefault(&m.MatchPolicy, ptr(registrationv1.Equivalent))
	setDefault(&m.NamespaceSelector, &metav1.LabelSelector{})
	setDefault(&m.ObjectSelector, &metav1.LabelSelector{})
	for _, rules := range [][]registrationv1.NamedRuleWithOperations{m.ResourceRules, m.ExcludeResourceRules} {
		for i := range rules {
			setDefault(&rules[i].Scope, ptr(registrationv1.AllScopes))
		}
	}
}

// validateMatch checks what a policy or a binding is about; nil is all.
func validateMatch(m *registrationv1.MatchResources, p *field.Path) (errs field.ErrorList) {
	if m == nil {
		return nil
	}
	if m.MatchPolicy == nil {
		errs = append(errs, field.Required(p.Child("matchPolicy"), ""))
	} else {
		errs = append(errs, oneOfOrUnsupported(*m.MatchPolicy, p.Child("matchPolicy"), registrationv1.Equivalent, registrationv1.Exact)...)
	}
	if m.NamespaceSelector == nil {
		errs = append(errs, field.Required(p.Child("namespaceSelector"), ""))
	}
	errs = append(errs, validateSelector(m.NamespaceSelector, p.Child("namespaceSelector"))...)
	if m.ObjectSelector == nil {
		errs = append(errs, field.Required(p.Child("objectSelector"), ""))
	}
	errs = append(errs, validateSelector(m.ObjectSelector, p.Child("objectSelector"))...)
	for i := range m.ResourceRules {
		errs = append(errs, validateNamedRule(&m.ResourceRules[i], p.Child("resourceRules").Index(i))...)
	}
	for i := range m.ExcludeResourceRules {
		errs = append(errs, validateNamedRule(&m.ExcludeResourceRules[i], p.Child("excludeResourceRules").Index(i))...)
	}
	return errs
}

func validateNamedRule(r *registrationv1.NamedRuleWithOperations, p *field.Path) (errs field.ErrorList) {
	seen := map[string]bool{}
	for i, name := range r.ResourceNames {
		at := p.Child("resourceNames").Index(i)
		errs = append(errs, invalids(at, name, PathName(name, false))...)
		if seen[name] {
			errs = append(errs, field.Duplicate(at, name))
		}
		seen[name] = true
	}
	return append(errs, validateRuleWithOperations(&r.RuleWithOperations, p)...)
}
