package access

import (
	rbacv1 "k8s.io/api/rbac/v1"

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
		cluster.setRole(o.GetName(), newRules(o.(*rbacv1.ClusterRole).Rules))
	}
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

// changedClusterRole compiles a role's rules as they are written: those of one that is made of others are written by
// the service roles.
func (a *Authorizer) changedClusterRole(name string, have kind.Object) {
	cluster := a.cluster.Load().clone()
	if role, ok := have.(*rbacv1.ClusterRole); ok {
		cluster.setRole(name, newRules(role.Rules))
	} else {
		delete(cluster.roles, name)
	}
	a.cluster.Store(cluster)
}
