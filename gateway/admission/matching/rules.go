package matching

import (
	"slices"
	"strings"

	registrationv1 "k8s.io/api/admissionregistration/v1"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

// Operation is what a write is to a rule; obj and old are a plugin's.
func Operation(obj, old kind.Object) registrationv1.OperationType {
	switch {
	case obj == nil:
		return registrationv1.Delete
	case old == nil:
		return registrationv1.Create
	}
	return registrationv1.Update
}

// Exempt says whether no webhook or policy has a say in a write: it is about what configures admission, so that it
// can always be mended, or the gateway's own.
func Exempt(r *kind.Request) bool { return r.Own || r.Kind.Group == registrationv1.GroupName }

// Matches says whether a rule is about a request. It allocates nothing.
func Matches(rule *registrationv1.RuleWithOperations, op registrationv1.OperationType, r *kind.Request) bool {
	return (slices.Contains(rule.Operations, op) || slices.Contains(rule.Operations, registrationv1.OperationAll)) &&
		hasOrAll(rule.APIGroups, r.Kind.Group) && hasOrAll(rule.APIVersions, r.Kind.Version) &&
		slices.ContainsFunc(rule.Resources, func(s string) bool { return isOf(s, r) }) && inScope(rule.Scope, r)
}

func hasOrAll(list []string, s string) bool {
	return slices.Contains(list, "*") || slices.Contains(list, s)
}

// isOf says whether "pods", "pods/exec", "*/status" and the like is about a request.
func isOf(s string, r *kind.Request) bool {
	resource, sub, _ := strings.Cut(s, "/")
	return (resource == "*" || resource == r.Kind.Resource) && (sub == "*" || sub == r.Subresource)
}

// inScope counts a namespace as no part of itself.
func inScope(scope *registrationv1.ScopeType, r *kind.Request) bool {
	if scope == nil || *scope == registrationv1.AllScopes {
		return true
	}
	within := r.Namespace != "" && r.Kind.SubjectResource() != subject.Namespaces
	return within == (*scope == registrationv1.NamespacedScope)
}

// MatchesNamed says whether a policy's rule is about a request.
func MatchesNamed(rule *registrationv1.NamedRuleWithOperations, op registrationv1.OperationType, r *kind.Request) bool {
	return Matches(&rule.RuleWithOperations, op, r) && (len(rule.ResourceNames) == 0 || slices.Contains(rule.ResourceNames, r.Name))
}
