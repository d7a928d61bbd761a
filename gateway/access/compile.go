package access

import (
	"maps"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

// Watches says whether Changed wants to know of a resource's changes.
func Watches(r subject.Resource) bool {
	switch r {
	case subject.Roles, subject.RoleBindings, subject.ClusterRoles, subject.ClusterRoleBindings:
		return true
	}
	return false
}

// load compiles all there is.
func (a *Authorizer) load() {
	a.mu.Lock()
	defer a.mu.Unlock()
	cluster := emptyScope.clone()
	namespaces := map[string]*scope{}
	in := func(namespace string) *scope {
		if namespaces[namespace] == nil {
			namespaces[namespace] = &scope{}
		}
		return namespaces[namespace]
	}
	for _, o := range a.objects.List(subject.ClusterRoles, "") {
		a.roles[o.GetName()] = o.(*rbacv1.ClusterRole)
	}
	cluster.roles = a.compileRoles()
	for _, o := range a.objects.List(subject.Roles, "") {
		in(o.GetNamespace()).setRole(o.GetName(), newRules(o.(*rbacv1.Role).Rules))
	}
	for _, o := range a.objects.List(subject.ClusterRoleBindings, "") {
		a.rebind(cluster, subject.Object{Resource: subject.ClusterRoleBindings, Name: o.GetName()}, o)
	}
	for _, o := range a.objects.List(subject.RoleBindings, "") {
		key := subject.Object{Resource: subject.RoleBindings, Namespace: o.GetNamespace(), Name: o.GetName()}
		a.rebind(in(key.Namespace), key, o)
	}
	a.cluster.Store(cluster)
	for name, s := range namespaces {
		a.namespaces.Store(name, s)
	}
	a.forget()
}

// Changed reads an object of RBAC again, created, changed or deleted. Objects of other resources
// are ignored. It must be called after the object's new state can be read, in any order.
func (a *Authorizer) Changed(key subject.Object) {
	if !Watches(key.Resource) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	have, ok := a.objects.Get(key.Resource, key.Namespace, key.Name)
	if !ok {
		have = nil
	}
	switch key.Resource {
	case subject.ClusterRoles:
		a.changedClusterRole(key.Name, have)
	case subject.ClusterRoleBindings:
		cluster := a.cluster.Load().clone()
		a.rebind(cluster, key, have)
		a.cluster.Store(cluster)
	default:
		a.changedLocal(key, have)
	}
	a.forget()
}

// forget drops remembered decisions: always after what they came from was replaced, so that a
// decision made of the old is never kept with the new.
func (a *Authorizer) forget() { a.decisions.Store(&cache[question, decision]{}) }

func (a *Authorizer) changedLocal(key subject.Object, have kind.Object) {
	local := emptyScope
	if old, ok := a.namespaces.Load(key.Namespace); ok {
		local = old.(*scope)
	}
	local = local.clone()
	switch role, ok := have.(*rbacv1.Role); {
	case ok:
		local.setRole(key.Name, newRules(role.Rules))
	case key.Resource == subject.Roles:
		delete(local.roles, key.Name)
	default:
		a.rebind(local, key, have)
	}
	if local.empty() {
		a.namespaces.Delete(key.Namespace)
		return
	}
	a.namespaces.Store(key.Namespace, local)
}

// rebind replaces what is compiled of a binding by have; nil takes it away.
func (a *Authorizer) rebind(s *scope, key subject.Object, have kind.Object) {
	s.unbind(key.Namespace, key.Name, a.bindings[key].subjects)
	delete(a.bindings, key)
	switch b := have.(type) {
	case *rbacv1.ClusterRoleBinding:
		s.bind("", key.Name, b.RoleRef, b.Subjects)
		a.bindings[key] = bindingState{b.Subjects}
	case *rbacv1.RoleBinding:
		s.bind(key.Namespace, key.Name, b.RoleRef, b.Subjects)
		a.bindings[key] = bindingState{b.Subjects}
	}
}

func (a *Authorizer) changedClusterRole(name string, have kind.Object) {
	cluster := a.cluster.Load().clone()
	old := a.roles[name]
	delete(a.roles, name)
	if role, ok := have.(*rbacv1.ClusterRole); ok {
		a.roles[name] = role
	}
	if aggregates(a.roles) || aggregates(map[string]*rbacv1.ClusterRole{name: old}) {
		cluster.roles = a.compileRoles()
	} else if role := a.roles[name]; role != nil {
		cluster.setRole(name, newRules(role.Rules))
	} else {
		delete(cluster.roles, name)
	}
	a.cluster.Store(cluster)
}

func aggregates(roles map[string]*rbacv1.ClusterRole) bool {
	for _, role := range roles {
		if role != nil && role.AggregationRule != nil {
			return true
		}
	}
	return false
}

// compileRoles compiles every ClusterRole; one that aggregates has the rules of all it selects.
func (a *Authorizer) compileRoles() map[string][]rule {
	compiled := make(map[string][]rule, len(a.roles))
	names := slices.Sorted(maps.Keys(a.roles))
	for _, name := range names {
		compiled[name] = newRules(a.aggregated(a.roles[name], names, map[string]bool{}))
	}
	return compiled
}

// aggregated are a role's rules with those of all roles it selects, and that these select in turn.
func (a *Authorizer) aggregated(role *rbacv1.ClusterRole, names []string, seen map[string]bool) []rbacv1.PolicyRule {
	seen[role.Name] = true
	if role.AggregationRule == nil {
		return role.Rules
	}
	rules := slices.Clone(role.Rules)
	for i := range role.AggregationRule.ClusterRoleSelectors {
		selector, err := metav1.LabelSelectorAsSelector(&role.AggregationRule.ClusterRoleSelectors[i])
		if err != nil {
			continue
		}
		for _, name := range names {
			if other := a.roles[name]; !seen[name] && selector.Matches(labels.Set(other.Labels)) {
				rules = append(rules, a.aggregated(other, names, seen)...)
			}
		}
	}
	return unique(rules)
}

// unique drops repeated rules: what is aggregated is often in the aggregating role already.
func unique(rules []rbacv1.PolicyRule) []rbacv1.PolicyRule {
	seen := make(map[string]bool, len(rules))
	return slices.DeleteFunc(rules, func(p rbacv1.PolicyRule) bool {
		text := p.String()
		known := seen[text]
		seen[text] = true
		return known
	})
}
