package kind

import (
	"fmt"
	"slices"
	"strings"
	"time"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const defaultPrecedence = 1000

func flowSchemaKind() *Kind {
	type schema = flowcontrolv1.FlowSchema
	return &Kind{
		GroupVersionKind: gvk(flowcontrolv1.GroupName, "v1", "FlowSchema"), Resource: "flowschemas",
		New:     func() Object { return new(schema) },
		NewList: func() runtime.Object { return new(flowcontrolv1.FlowSchemaList) },
		Default: on(func(s *schema) {
			setDefault(&s.Spec.MatchingPrecedence, defaultPrecedence)
		}),
		Prepare:  keepsStatus(func(s *schema) *flowcontrolv1.FlowSchemaStatus { return &s.Status }),
		Spec:     part(func(s *schema) any { return &s.Spec }),
		Validate: validates(func(s, _ *schema) field.ErrorList { return validateFlowSchema(s) }),
		Columns: []Column{
			text("PriorityLevel", func(s *schema) string { return s.Spec.PriorityLevelConfiguration.Name }),
			column("MatchingPrecedence", "string", 0, func(s *schema, _ time.Time) any { return int64(s.Spec.MatchingPrecedence) }),
			text("DistinguisherMethod", func(s *schema) string {
				if s.Spec.DistinguisherMethod == nil {
					return "<none>"
				}
				return string(s.Spec.DistinguisherMethod.Type)
			}),
			ageColumn,
			text("MissingPL", func(s *schema) string {
				for _, c := range s.Status.Conditions {
					if c.Type == flowcontrolv1.FlowSchemaConditionDangling {
						return string(c.Status)
					}
				}
				return "?"
			}),
		},
		Subresources: []Subresource{status(func(s, old *schema) { s.Spec = old.Spec }, func(s, _ *schema) field.ErrorList {
			return validateFlowConditions(len(s.Status.Conditions), func(i int) string { return string(s.Status.Conditions[i].Type) })
		})},
	}
}

// validateFlowConditions checks that each condition has a type of its own.
func validateFlowConditions(n int, typeOf func(int) string) (errs field.ErrorList) {
	seen := make(map[string]bool, n)
	for i := range n {
		at, t := statusPath.Child("conditions").Index(i).Child("type"), typeOf(i)
		if seen[t] {
			errs = append(errs, field.Duplicate(at, t))
		}
		if seen[t] = true; t == "" {
			errs = append(errs, field.Required(at, ""))
		}
	}
	return errs
}

func validateFlowSchema(f *flowcontrolv1.FlowSchema) (errs field.ErrorList) {
	s, precedence := &f.Spec, specPath.Child("matchingPrecedence")
	if s.MatchingPrecedence <= 0 {
		errs = append(errs, field.Invalid(precedence, s.MatchingPrecedence, "must be a positive value"))
	}
	if s.MatchingPrecedence > flowcontrolv1.FlowSchemaMaxMatchingPrecedence {
		errs = append(errs, field.Invalid(precedence, s.MatchingPrecedence, fmt.Sprintf("must not be greater than %v", flowcontrolv1.FlowSchemaMaxMatchingPrecedence)))
	}
	if s.MatchingPrecedence == 1 && f.Name != flowcontrolv1.FlowSchemaNameExempt {
		errs = append(errs, field.Invalid(precedence, s.MatchingPrecedence, "only the schema named 'exempt' may have matchingPrecedence 1"))
	}
	if m := s.DistinguisherMethod; m != nil && m.Type != flowcontrolv1.FlowDistinguisherMethodByNamespaceType && m.Type != flowcontrolv1.FlowDistinguisherMethodByUserType {
		errs = append(errs, field.NotSupported(specPath.Child("distinguisherMethod", "type"), m,
			[]flowcontrolv1.FlowDistinguisherMethodType{flowcontrolv1.FlowDistinguisherMethodByNamespaceType, flowcontrolv1.FlowDistinguisherMethodByUserType}))
	}
	level := specPath.Child("priorityLevelConfiguration", "name")
	if name := s.PriorityLevelConfiguration.Name; name == "" {
		errs = append(errs, field.Required(level, "must reference a priority level"))
	} else {
		errs = append(errs, invalids(level, name, subdomain(name))...)
	}
	for i := range s.Rules {
		errs = append(errs, validateFlowRules(&s.Rules[i], specPath.Child("rules").Index(i))...)
	}
	return append(errs, validateMandatorySchema(f)...)
}

func validateFlowRules(r *flowcontrolv1.PolicyRulesWithSubjects, p *field.Path) (errs field.ErrorList) {
	if len(r.Subjects) == 0 {
		errs = append(errs, field.Required(p.Child("subjects"), "subjects must contain at least one value"))
	}
	for i := range r.Subjects {
		errs = append(errs, validateFlowSubject(&r.Subjects[i], p.Child("subjects").Index(i))...)
	}
	if len(r.ResourceRules)+len(r.NonResourceRules) == 0 {
		errs = append(errs, field.Required(p, "at least one of resourceRules and nonResourceRules has to be non-empty"))
	}
	for i := range r.ResourceRules {
		errs = append(errs, validateFlowResources(&r.ResourceRules[i], p.Child("resourceRules").Index(i))...)
	}
	for i := range r.NonResourceRules {
		errs = append(errs, validateFlowURLs(&r.NonResourceRules[i], p.Child("nonResourceRules").Index(i))...)
	}
	return errs
}

func validateFlowSubject(s *flowcontrolv1.Subject, p *field.Path) (errs field.ErrorList) {
	known := false
	for _, k := range []struct {
		kind flowcontrolv1.SubjectKind
		name string
		set  bool
	}{
		{flowcontrolv1.SubjectKindServiceAccount, "serviceAccount", s.ServiceAccount != nil},
		{flowcontrolv1.SubjectKindUser, "user", s.User != nil}, {flowcontrolv1.SubjectKindGroup, "group", s.Group != nil},
	} {
		known = known || s.Kind == k.kind
		switch at := p.Child(k.name); {
		case s.Kind == k.kind && !k.set:
			errs = append(errs, field.Required(at, fmt.Sprintf("%s is required when subject kind is '%s'", k.name, k.kind)))
		case s.Kind != k.kind && k.set:
			errs = append(errs, field.Forbidden(at, fmt.Sprintf("%s is forbidden when subject kind is not '%s'", k.name, k.kind)))
		}
	}
	if !known {
		return field.ErrorList{field.NotSupported(p.Child("kind"), s.Kind,
			[]flowcontrolv1.SubjectKind{flowcontrolv1.SubjectKindGroup, flowcontrolv1.SubjectKindServiceAccount, flowcontrolv1.SubjectKindUser})}
	}
	if u := s.User; u != nil && u.Name == "" && s.Kind == flowcontrolv1.SubjectKindUser {
		errs = append(errs, field.Required(p.Child("user", "name"), ""))
	}
	if g := s.Group; g != nil && g.Name == "" && s.Kind == flowcontrolv1.SubjectKindGroup {
		errs = append(errs, field.Required(p.Child("group", "name"), ""))
	}
	if s.ServiceAccount != nil && s.Kind == flowcontrolv1.SubjectKindServiceAccount {
		errs = append(errs, validateFlowAccount(s.ServiceAccount, p.Child("serviceAccount"))...)
	}
	return errs
}

func validateFlowAccount(a *flowcontrolv1.ServiceAccountSubject, p *field.Path) (errs field.ErrorList) {
	switch a.Name {
	case "":
		errs = append(errs, field.Required(p.Child("name"), ""))
	case flowcontrolv1.NameAll:
	default:
		errs = append(errs, invalids(p.Child("name"), a.Name, subdomain(a.Name))...)
	}
	if a.Namespace == "" {
		return append(errs, field.Required(p.Child("namespace"), "must specify namespace for service account"))
	}
	return append(errs, invalids(p.Child("namespace"), a.Namespace, dnsLabel(a.Namespace))...)
}

// flowVerbs are the verbs that rules may name, in their order in complaints.
var flowVerbs = []string{"create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"}

func validateFlowVerbs(verbs []string, p *field.Path) (errs field.ErrorList) {
	if len(verbs) == 0 {
		return field.ErrorList{field.Required(p, "verbs must contain at least one value")}
	}
	if slices.Contains(verbs, "*") {
		return validateAlone(verbs, p, "verbs")
	}
	for _, v := range verbs {
		if !slices.Contains(flowVerbs, v) {
			return field.ErrorList{field.NotSupported(p, verbs, flowVerbs)}
		}
	}
	return nil
}

// validateAlone checks that where "*" is there is nothing else.
func validateAlone(list []string, p *field.Path, what string) field.ErrorList {
	if len(list) < 2 || !slices.Contains(list, "*") {
		return nil
	}
	return field.ErrorList{field.Invalid(p, list, "if '*' is present, must not specify other "+what)}
}

func validateFlowURLs(r *flowcontrolv1.NonResourcePolicyRule, p *field.Path) (errs field.ErrorList) {
	errs = validateFlowVerbs(r.Verbs, p.Child("verbs"))
	at := p.Child("nonResourceURLs")
	switch {
	case len(r.NonResourceURLs) == 0:
		return append(errs, field.Required(at, "nonResourceURLs must contain at least one value"))
	case slices.Contains(r.NonResourceURLs, "*"):
		return append(errs, validateAlone(r.NonResourceURLs, at, "non-resource URLs")...)
	}
	for i, u := range r.NonResourceURLs {
		if complaint := flowURL(u); complaint != "" {
			errs = append(errs, field.Invalid(at.Index(i), u, complaint))
		}
	}
	return errs
}

// flowURL says what is wrong with a path, which may end in "/*".
func flowURL(u string) string {
	switch stars := strings.Count(u, "*"); {
	case u == "":
		return "must not be empty"
	case !strings.HasPrefix(u, "/"):
		return "must start with slash"
	case strings.Contains(u, " "):
		return "must not contain white-space"
	case strings.Contains(u, "//"):
		return "must not contain double slash"
	case stars > 1 || stars == 1 && !strings.HasSuffix(u, "/*"):
		return "wildcard can only do suffix matching"
	}
	return ""
}

func validateFlowResources(r *flowcontrolv1.ResourcePolicyRule, p *field.Path) (errs field.ErrorList) {
	errs = validateFlowVerbs(r.Verbs, p.Child("verbs"))
	if at := p.Child("apiGroups"); len(r.APIGroups) == 0 {
		errs = append(errs, field.Required(at, "resource rules must supply at least one api group"))
	} else {
		errs = append(errs, validateAlone(r.APIGroups, at, "api groups")...)
	}
	if at := p.Child("resources"); len(r.Resources) == 0 {
		errs = append(errs, field.Required(at, "resource rules must supply at least one resource"))
	} else {
		errs = append(errs, validateAlone(r.Resources, at, "resources")...)
	}
	at := p.Child("namespaces")
	switch {
	case len(r.Namespaces) == 0 && !r.ClusterScope:
		return append(errs, field.Required(at, "resource rules that are not cluster scoped must supply at least one namespace"))
	case slices.Contains(r.Namespaces, flowcontrolv1.NamespaceEvery):
		return append(errs, validateAlone(r.Namespaces, at, "namespaces")...)
	}
	for i, n := range r.Namespaces {
		for _, complaint := range dnsLabel(n) {
			errs = append(errs, field.Invalid(at.Index(i), n, "each member of this list must be '*' or a DNS-1123 label; "+complaint))
		}
	}
	return errs
}
