package access

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/component-helpers/auth/rbac/validation"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

// everything is what a member of system:masters holds.
var everything = []rbacv1.PolicyRule{
	{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}},
	{Verbs: []string{"*"}, NonResourceURLs: []string{"*"}},
}

// Rules are all that a user holds cluster-wide and in a namespace ("" for cluster-wide alone). They
// are shared and must not be changed.
func (a *Authorizer) Rules(user *kind.User, namespace string) []rbacv1.PolicyRule {
	if slices.Contains(user.Groups, groupMasters) {
		return everything
	}
	var held []rbacv1.PolicyRule
	a.grants(user, namespace, func(_ *grant, rules []rule) bool {
		for i := range rules {
			held = append(held, *rules[i].source)
		}
		return true
	})
	if _, ok := nodeName(user.Name, user.Groups); ok {
		held = append(held, nodeRules()...)
	}
	return held
}

// CheckEscalation refuses a write of a role or binding that would give away more than its writer holds: a
// role's rules must be covered by the writer's unless it has the verb "escalate" on the role, a binding's
// unless it has "bind". Old is nil on create. Objects of other kinds pass.
func (a *Authorizer) CheckEscalation(ctx context.Context, user *kind.User, obj, old kind.Object) error {
	switch o := obj.(type) {
	case *rbacv1.Role:
		before, _ := old.(*rbacv1.Role)
		if before != nil && reflect.DeepEqual(before.Rules, o.Rules) {
			return nil
		}
		return a.checkRole(ctx, user, subject.Roles, o.Namespace, o.Name, o.Rules)
	case *rbacv1.ClusterRole:
		before, _ := old.(*rbacv1.ClusterRole)
		if before != nil && reflect.DeepEqual(before.Rules, o.Rules) && reflect.DeepEqual(before.AggregationRule, o.AggregationRule) {
			return nil
		}
		rules := o.Rules
		if o.AggregationRule != nil && (before == nil || !reflect.DeepEqual(before.AggregationRule, o.AggregationRule)) {
			// What will be selected is not known yet: it may be all.
			rules = append(slices.Clone(rules), everything...)
		}
		return a.checkRole(ctx, user, subject.ClusterRoles, "", o.Name, rules)
	case *rbacv1.RoleBinding:
		before, _ := old.(*rbacv1.RoleBinding)
		if before != nil && before.RoleRef == o.RoleRef && reflect.DeepEqual(before.Subjects, o.Subjects) {
			return nil
		}
		return a.checkBinding(ctx, user, subject.RoleBindings, o.Namespace, o.Name, o.RoleRef)
	case *rbacv1.ClusterRoleBinding:
		before, _ := old.(*rbacv1.ClusterRoleBinding)
		if before != nil && before.RoleRef == o.RoleRef && reflect.DeepEqual(before.Subjects, o.Subjects) {
			return nil
		}
		return a.checkBinding(ctx, user, subject.ClusterRoleBindings, "", o.Name, o.RoleRef)
	}
	return nil
}

func (a *Authorizer) checkRole(ctx context.Context, user *kind.User, r subject.Resource, namespace, name string, rules []rbacv1.PolicyRule) error {
	escalate := Attributes{
		User: *user, Verb: "escalate", APIGroup: rbacv1.GroupName, APIVersion: "v1", Resource: r.Name, Namespace: namespace, Name: name,
	}
	if allowed, _, err := a.Authorize(ctx, escalate); allowed && err == nil {
		return nil
	}
	return a.covers(user, r, namespace, name, rules)
}

func (a *Authorizer) checkBinding(ctx context.Context, user *kind.User, r subject.Resource, namespace, name string, ref rbacv1.RoleRef) error {
	bind := Attributes{User: *user, Verb: "bind", APIGroup: ref.APIGroup, APIVersion: "v1", Namespace: namespace, Name: ref.Name}
	bind.Resource = strings.ToLower(ref.Kind) + "s"
	if allowed, _, err := a.Authorize(ctx, bind); allowed && err == nil {
		return nil
	}
	rules, ok := a.roleRules(namespace, ref)
	if !ok {
		return apierrors.NewNotFound(schema.GroupResource{Group: rbacv1.GroupName, Resource: bind.Resource}, ref.Name)
	}
	return a.covers(user, r, namespace, name, rules)
}

// roleRules are the rules of the role that a binding in namespace refers to.
func (a *Authorizer) roleRules(namespace string, ref rbacv1.RoleRef) ([]rbacv1.PolicyRule, bool) {
	from := a.cluster.Load()
	if ref.Kind == "Role" {
		local, ok := a.namespaces.Load(namespace)
		if !ok {
			return nil, false
		}
		from = local.(*scope)
	}
	compiled, ok := from.roles[ref.Name]
	rules := make([]rbacv1.PolicyRule, len(compiled))
	for i := range compiled {
		rules[i] = *compiled[i].source
	}
	return rules, ok
}

func (a *Authorizer) covers(user *kind.User, r subject.Resource, namespace, name string, rules []rbacv1.PolicyRule) error {
	ok, missing := validation.Covers(a.Rules(user, namespace), rules)
	if ok {
		return nil
	}
	texts := make([]string, len(missing))
	for i := range missing {
		texts[i] = compactText(&missing[i])
	}
	slices.Sort(texts)
	texts = slices.Compact(texts)
	return apierrors.NewForbidden(schema.GroupResource{Group: r.Group, Resource: r.Name}, name, fmt.Errorf(
		"user %q (groups=%q) is attempting to grant RBAC permissions not currently held:\n%s", user.Name, user.Groups, strings.Join(texts, "\n")))
}

// compactText is a rule as Kubernetes prints it: {APIGroups:[""], Resources:["pods"], Verbs:["get"]}.
func compactText(p *rbacv1.PolicyRule) string {
	var parts []string
	for _, part := range []struct {
		name string
		list []string
	}{
		{"APIGroups", p.APIGroups}, {"Resources", p.Resources}, {"ResourceNames", p.ResourceNames},
		{"NonResourceURLs", p.NonResourceURLs}, {"Verbs", p.Verbs},
	} {
		if len(part.list) == 0 {
			continue
		}
		quoted := make([]string, len(part.list))
		for i, word := range part.list {
			quoted[i] = fmt.Sprintf("%q", word)
		}
		parts = append(parts, part.name+":["+strings.Join(quoted, ", ")+"]")
	}
	return "{" + strings.Join(parts, ", ") + "}"
}
