package access

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

func selectors(label string) []metav1.LabelSelector {
	return []metav1.LabelSelector{{MatchLabels: map[string]string{label: "true"}}}
}

// oracle decides by reading everything, as RBAC's documentation says it.
func oracle(m *memory, a Attributes) bool {
	holds := func(subjects []rbacv1.Subject, namespace string) bool {
		return slices.ContainsFunc(subjects, func(s rbacv1.Subject) bool {
			switch s.Kind {
			case "User":
				return s.Name == a.User.Name
			case "Group":
				return slices.Contains(a.User.Groups, s.Name)
			}
			return a.User.Name == fmt.Sprintf("system:serviceaccount:%s:%s", cmp.Or(s.Namespace, namespace), s.Name)
		})
	}
	rules := func(ref rbacv1.RoleRef, namespace string) []rbacv1.PolicyRule {
		if ref.Kind == "Role" {
			if r, ok := m.Get(subject.Roles, namespace, ref.Name); ok {
				return r.(*rbacv1.Role).Rules
			}
			return nil
		}
		if r, ok := m.Get(subject.ClusterRoles, "", ref.Name); ok {
			return r.(*rbacv1.ClusterRole).Rules
		}
		return nil
	}
	for _, o := range m.List(subject.ClusterRoleBindings, "") {
		b := o.(*rbacv1.ClusterRoleBinding)
		if holds(b.Subjects, "") && slices.ContainsFunc(rules(b.RoleRef, ""), func(r rbacv1.PolicyRule) bool { return permits(r, a) }) {
			return true
		}
	}
	if a.Namespace == "" {
		return false
	}
	for _, o := range m.List(subject.RoleBindings, a.Namespace) {
		b := o.(*rbacv1.RoleBinding)
		if holds(b.Subjects, b.Namespace) && slices.ContainsFunc(rules(b.RoleRef, b.Namespace), func(r rbacv1.PolicyRule) bool { return permits(r, a) }) {
			return true
		}
	}
	return false
}

func permits(r rbacv1.PolicyRule, a Attributes) bool {
	either := func(list []string, word string) bool {
		return slices.Contains(list, word) || slices.Contains(list, "*")
	}
	if !either(r.Verbs, a.Verb) {
		return false
	}
	if a.Resource == "" {
		return slices.ContainsFunc(r.NonResourceURLs, func(u string) bool {
			return u == a.Path || strings.HasSuffix(u, "*") && strings.HasPrefix(a.Path, strings.TrimSuffix(u, "*"))
		})
	}
	full := a.Resource
	if a.Subresource != "" {
		full += "/" + a.Subresource
	}
	named := len(r.ResourceNames) == 0 || slices.Contains(r.ResourceNames, a.Name)
	return named && either(r.APIGroups, a.APIGroup) && (either(r.Resources, full) || a.Subresource != "" && slices.Contains(r.Resources, "*/"+a.Subresource))
}

// random policies, over few words so that rules often meet questions.
type random struct{ *rand.Rand }

func (r random) of(list ...string) string { return list[r.IntN(len(list))] }

func (r random) some(list ...string) (picked []string) {
	for range 1 + r.IntN(2) {
		picked = append(picked, r.of(list...))
	}
	return picked
}

func (r random) rule() rbacv1.PolicyRule {
	if r.IntN(5) == 0 {
		return rbacv1.PolicyRule{Verbs: r.some("get", "post", "*"), NonResourceURLs: r.some("/a", "/a/*", "/b", "*")}
	}
	p := rbacv1.PolicyRule{
		Verbs: r.some("get", "list", "create", "*"), APIGroups: r.some("", "apps", "*"),
		Resources: r.some("pods", "pods/log", "deployments", "*/scale", "*/log", "deployments/scale", "*"),
	}
	if r.IntN(3) == 0 {
		p.ResourceNames = r.some("x", "y")
	}
	return p
}

func (r random) rules() (rules []rbacv1.PolicyRule) {
	for range r.IntN(3) {
		rules = append(rules, r.rule())
	}
	return rules
}

func (r random) subjects() (subjects []rbacv1.Subject) {
	for range r.IntN(3) {
		subjects = append(subjects, []rbacv1.Subject{
			userSubject(r.of("u1", "u2")), groupSubject(r.of("g1", "g2")), accountSubject(r.of("", "n1", "n2"), r.of("s1", "s2")),
		}[r.IntN(3)])
	}
	return subjects
}

func (r random) object() kind.Object {
	name, namespace := r.of("a", "b", "c"), r.of("n1", "n2")
	switch r.IntN(4) {
	case 0:
		return clusterRole(name, r.rules()...)
	case 1:
		return localRole(namespace, name, r.rules()...)
	case 2:
		return clusterBinding(name, r.of("a", "b", "c"), r.subjects()...)
	}
	return localBinding(namespace, name, r.of("Role", "ClusterRole"), r.of("a", "b", "c"), r.subjects()...)
}

func (r random) question() Attributes {
	a := Attributes{User: kind.User{
		Name: r.of("u1", "u2", "u3", "system:serviceaccount:n1:s1", "system:serviceaccount:n2:s2"), Groups: r.some("g1", "g2", "g3"),
	}, Verb: r.of("get", "list", "create", "post")}
	if r.IntN(6) == 0 {
		a.Path = r.of("/a", "/a/b", "/b", "/b/c", "/ab")
		return a
	}
	a.APIGroup, a.Resource, a.Subresource = r.of("", "apps"), r.of("pods", "deployments"), r.of("", "", "log", "scale")
	a.Namespace, a.Name = r.of("", "n1", "n2"), r.of("", "x", "z")
	return a
}

func TestAgainstOracle(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		r := random{rand.New(rand.NewPCG(seed, 7))}
		m := newMemory()
		a := NewAuthorizer(m, nil)
		allowed := 0
		for range 120 {
			o := r.object()
			if r.IntN(3) == 0 {
				m.remove(keyOfObject(o))
			} else {
				m.put(o)
			}
			a.Changed(keyOfObject(o))
			fresh := NewAuthorizer(m, nil)
			for range 25 {
				q := r.question()
				want := oracle(m, q)
				got, _, _ := a.Authorize(t.Context(), q)
				anew, _, _ := fresh.Authorize(t.Context(), q)
				if got != want || anew != want {
					t.Fatalf("seed %d: %+v is %v by changes, %v anew, want %v", seed, q, got, anew, want)
				}
				if want {
					allowed++
				}
			}
		}
		if allowed == 0 || allowed == 120*25 {
			t.Errorf("seed %d: %d of %d allowed proves nothing", seed, allowed, 120*25)
		}
	}
}
