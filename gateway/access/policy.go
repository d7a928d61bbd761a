package access

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	rbacv1 "k8s.io/api/rbac/v1"
)

// subjectKey is whom a binding names; service accounts are users by the name they authenticate as.
type subjectKey struct {
	group bool
	name  string
}

// grant is one subject's share of one binding.
type grant struct {
	binding string
	role    rbacv1.RoleRef
	reason  string
}

// scope is the bindings of one namespace, or of the cluster (namespace ""), with the
// namespace's roles. It is changed in place by its owner only: readers get a clone.
type scope struct {
	roles  map[string][]rule
	grants map[subjectKey][]grant
}

var emptyScope = &scope{}

func (s *scope) clone() *scope {
	return &scope{roles: maps.Clone(s.roles), grants: maps.Clone(s.grants)}
}

func (s *scope) empty() bool { return len(s.roles) == 0 && len(s.grants) == 0 }

func (s *scope) setRole(name string, rules []rule) {
	if s.roles == nil {
		s.roles = map[string][]rule{}
	}
	s.roles[name] = rules
}

// bind adds a binding's grants; they are kept in the order of the bindings' names.
func (s *scope) bind(namespace, name string, ref rbacv1.RoleRef, subjects []rbacv1.Subject) {
	if s.grants == nil {
		s.grants = map[subjectKey][]grant{}
	}
	for i := range subjects {
		key, ok := keyOf(&subjects[i], namespace)
		if !ok {
			continue
		}
		g := grant{binding: name, role: ref, reason: reasonOf(namespace, name, &ref, &subjects[i])}
		list := slices.Clone(s.grants[key])
		at, _ := slices.BinarySearchFunc(list, g, func(a, b grant) int { return cmp.Compare(a.binding, b.binding) })
		s.grants[key] = slices.Insert(list, at, g)
	}
}

// unbind takes a binding's grants back.
func (s *scope) unbind(namespace, name string, subjects []rbacv1.Subject) {
	for i := range subjects {
		key, ok := keyOf(&subjects[i], namespace)
		if !ok {
			continue
		}
		left := slices.DeleteFunc(slices.Clone(s.grants[key]), func(g grant) bool { return g.binding == name })
		if len(left) == 0 {
			delete(s.grants, key)
			continue
		}
		s.grants[key] = left
	}
}

func keyOf(s *rbacv1.Subject, namespace string) (subjectKey, bool) {
	switch s.Kind {
	case rbacv1.UserKind:
		return subjectKey{name: s.Name}, true
	case rbacv1.GroupKind:
		return subjectKey{group: true, name: s.Name}, true
	case rbacv1.ServiceAccountKind:
		in := cmp.Or(s.Namespace, namespace)
		return subjectKey{name: accountName(in, s.Name)}, in != ""
	}
	return subjectKey{}, false
}

func reasonOf(namespace, name string, ref *rbacv1.RoleRef, s *rbacv1.Subject) string {
	kind, to := "ClusterRoleBinding", s.Name
	if namespace != "" {
		kind, name = "RoleBinding", name+"/"+namespace
	}
	if s.Kind == rbacv1.ServiceAccountKind {
		to = s.Name + "/" + s.Namespace
	}
	return fmt.Sprintf("RBAC: allowed by %s %s of %s %q to %s %q", kind, strconv.Quote(name), ref.Kind, ref.Name, s.Kind, to)
}
