package roles

import (
	"cmp"
	"fmt"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"taffrail.dev/events/command"
	"taffrail.dev/events/process"
	commandv1 "taffrail.dev/proto/gen/command/v1"
)

// decide is one turn of one role: its rules, if they are not those of all roles that it selects. Roles
// that select roles of that kind follow, a step at a time.
func (s *state) decide(t process.Turn) process.Plan {
	role := s.roles.Get("", t.Key.Name)
	if role == nil || role.AggregationRule == nil || role.DeletionTimestamp != nil {
		return process.Plan{}
	}
	rules, from := s.collect(role)
	if equality.Semantic.DeepEqual(rules, role.Rules) {
		return process.Plan{}
	}
	next := role.DeepCopy()
	next.Rules = rules
	reason := fmt.Sprintf("%d rules of %d roles", len(rules), from)
	return process.Plan{Commands: []*commandv1.Command{command.Update(t.Key, "", next, reason)}}
}

// collect is the rules of all roles that one selects, by the roles' names, each rule once.
func (s *state) collect(role *rbacv1.ClusterRole) (rules []rbacv1.PolicyRule, from int) {
	all := slices.Clone(s.roles.In(""))
	slices.SortFunc(all, func(a, b *rbacv1.ClusterRole) int { return cmp.Compare(a.Name, b.Name) })
	seen := map[string]bool{}
	for _, other := range all {
		if !selects(role, other) {
			continue
		}
		from++
		for i := range other.Rules {
			if text := other.Rules[i].String(); !seen[text] {
				seen[text] = true
				rules = append(rules, other.Rules[i])
			}
		}
	}
	return rules, from
}
