package registry

import (
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
	"taffrail.dev/services/certificates"
	"taffrail.dev/services/roles"
)

// subresources are the doors through which fields are written that have one of their own.
var subresources = map[process.Field]struct{ name, verb string }{
	{Resource: subject.Pods, Path: "spec.nodeName"}:         {"binding", "create"},
	{Resource: subject.Namespaces, Path: "spec.finalizers"}: {"finalize", "update"},
	certificates.Approval:                                   {"approval", "update"},
}

// signers are the verbs on the signers themselves that writing a field takes.
var signers = map[process.Field]string{certificates.Approval: "approve", certificates.Issuance: "sign"}

// Rules are what a service has to be allowed for the fields that it declares to write.
func Rules(spec process.Spec) []rbacv1.PolicyRule {
	var rules []rbacv1.PolicyRule
	for _, f := range spec.Writes {
		rule := rbacv1.PolicyRule{APIGroups: []string{f.Resource.Group}, Resources: []string{f.Resource.Name}, Verbs: []string{"update", "patch"}}
		door, special := subresources[f]
		switch {
		case special:
			rule.Resources, rule.Verbs = []string{f.Resource.Name + "/" + door.name}, []string{door.verb}
		case f.Path == "*":
			rule.Verbs = []string{"create", "update", "patch", "delete"}
		case f.Path == "status" || strings.HasPrefix(f.Path, "status."):
			rule.Resources = []string{f.Resource.Name + "/status"}
		}
		if f == roles.Rules {
			rule.Verbs = append(rule.Verbs, "escalate")
		}
		rules = append(rules, rule)
		if verb := signers[f]; verb != "" {
			rules = append(rules, rbacv1.PolicyRule{
				APIGroups: []string{f.Resource.Group}, Resources: []string{"signers"}, Verbs: []string{verb}, ResourceNames: certificates.Signers(),
			})
		}
	}
	for _, r := range spec.Asks {
		rules = append(rules, rbacv1.PolicyRule{APIGroups: []string{r.Group}, Resources: []string{r.Name}, Verbs: []string{"create"}})
	}
	return rules
}
