package flow

import (
	"cmp"
	"slices"
	"strings"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"

	"taffrail.dev/gateway/access"
)

const accountPrefix = "system:serviceaccount:"

// bearer is who a rule is for; name "*" is everybody, and an account "NAMESPACE:*" all of a namespace.
type bearer struct {
	group bool
	name  string
}

// rule is one set of rules of a schema, for all of its subjects.
type rule struct {
	schema    *Schema
	order     int // of the schema among all
	resources []flowcontrolv1.ResourcePolicyRule
	paths     []flowcontrolv1.NonResourcePolicyRule
}

// matcher finds the schema of a request. It is immutable: rules by subject, each list in the schemas' order.
type matcher struct{ rules map[bearer][]rule }

// newMatcher takes the schemas in the order in which they are asked: by precedence, then by name.
func newMatcher(schemas []*Schema) *matcher {
	m := &matcher{rules: map[bearer][]rule{}}
	for i, s := range schemas {
		for _, r := range s.object.Spec.Rules {
			for _, who := range r.Subjects {
				if key, ok := bearerOf(who); ok {
					m.rules[key] = append(m.rules[key], rule{s, i, r.ResourceRules, r.NonResourceRules})
				}
			}
		}
	}
	return m
}

func byPrecedence(a, b *flowcontrolv1.FlowSchema) int {
	return cmp.Or(cmp.Compare(a.Spec.MatchingPrecedence, b.Spec.MatchingPrecedence), cmp.Compare(a.Name, b.Name))
}

func bearerOf(s flowcontrolv1.Subject) (bearer, bool) {
	switch {
	case s.User != nil:
		return bearer{name: s.User.Name}, true
	case s.Group != nil:
		return bearer{group: true, name: s.Group.Name}, true
	case s.ServiceAccount != nil:
		return bearer{name: accountPrefix + s.ServiceAccount.Namespace + ":" + s.ServiceAccount.Name}, true
	}
	return bearer{}, false
}

// find is the first schema that matches, nil for none.
func (m *matcher) find(a *access.Attributes) *Schema {
	best := m.first(nil, bearer{name: a.User.Name}, a)
	best = m.first(best, bearer{name: "*"}, a)
	if account, ok := strings.CutPrefix(a.User.Name, accountPrefix); ok {
		if namespace, _, ok := strings.Cut(account, ":"); ok {
			best = m.account(best, namespace, a)
		}
	}
	for _, group := range a.User.Groups {
		best = m.first(best, bearer{true, group}, a)
	}
	if len(a.User.Groups) > 0 {
		best = m.first(best, bearer{true, "*"}, a)
	}
	if best == nil {
		return nil
	}
	return best.schema
}

// account looks for rules for all accounts of a namespace; the name is made on the stack.
func (m *matcher) account(best *rule, namespace string, a *access.Attributes) *rule {
	var buffer [len(accountPrefix) + 63 + 2]byte
	key := append(append(append(buffer[:0], accountPrefix...), namespace...), ":*"...)
	return better(best, m.rules[bearer{name: string(key)}], a)
}

func (m *matcher) first(best *rule, key bearer, a *access.Attributes) *rule {
	return better(best, m.rules[key], a)
}

// better is the first of a list that matches, if it comes before best.
func better(best *rule, list []rule, a *access.Attributes) *rule {
	for i := range list {
		if best != nil && list[i].order >= best.order {
			return best
		}
		if list[i].matches(a) {
			return &list[i]
		}
	}
	return best
}

func (r *rule) matches(a *access.Attributes) bool {
	if a.Resource == "" {
		return slices.ContainsFunc(r.paths, func(p flowcontrolv1.NonResourcePolicyRule) bool {
			return has(p.Verbs, a.Verb) && slices.ContainsFunc(p.NonResourceURLs, func(url string) bool { return covers(url, a.Path) })
		})
	}
	for i := range r.resources {
		p := &r.resources[i]
		if has(p.Verbs, a.Verb) && has(p.APIGroups, a.APIGroup) && inside(p, a.Namespace) &&
			slices.ContainsFunc(p.Resources, func(name string) bool { return name == "*" || names(name, a.Resource, a.Subresource) }) {
			return true
		}
	}
	return false
}

// inside says whether a rule covers a namespace, or what has none.
func inside(p *flowcontrolv1.ResourcePolicyRule, namespace string) bool {
	if namespace == "" {
		return p.ClusterScope
	}
	return has(p.Namespaces, namespace)
}

func has(list []string, s string) bool {
	for _, e := range list {
		if e == "*" || e == s {
			return true
		}
	}
	return false
}

// names says whether text is "resource" or "resource/subresource", without making that string.
func names(text, resource, subresource string) bool {
	rest, ok := strings.CutPrefix(text, resource)
	if !ok || subresource == "" {
		return ok && rest == ""
	}
	return len(rest) == len(subresource)+1 && rest[0] == '/' && rest[1:] == subresource
}

// covers says whether a rule's URL, which may end in "/*", is for a path.
func covers(url, path string) bool {
	if prefix, ok := strings.CutSuffix(url, "*"); ok {
		return strings.HasPrefix(path, prefix)
	}
	return url == path
}
