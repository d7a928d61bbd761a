package access

import (
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"

	"taffrail.dev/gateway/kind"
)

func resource(user kind.User, verb, group, name, namespace, object string) Attributes {
	a := Attributes{User: user, Verb: verb, APIGroup: group, APIVersion: "v1", Resource: name, Namespace: namespace, Name: object}
	for i := range name {
		if name[i] == '/' {
			a.Resource, a.Subresource = name[:i], name[i+1:]
			break
		}
	}
	return a
}

func member(name string, groups ...string) kind.User { return kind.User{Name: name, Groups: groups} }

func TestRBAC(t *testing.T) {
	t.Parallel()
	a := NewAuthorizer(newMemory(
		clusterRole("reader", allow("get,list", `""`, "pods,pods/log", "")),
		clusterRole("scaler", allow("update", "*", "*/scale", "")),
		clusterRole("everything", allow("*", "*", "*", "")),
		clusterRole("paths", rbacv1.PolicyRule{Verbs: []string{"get"}, NonResourceURLs: []string{"/metrics", "/logs/*"}}),
		localRole("shop", "one", allow("get,delete", `""`, "secrets", "till,safe")),
		clusterBinding("readers", "reader", groupSubject("crew")),
		clusterBinding("scalers", "scaler", userSubject("ann")),
		clusterBinding("paths", "paths", userSubject("ann")),
		clusterBinding("dangling", "nothing", userSubject("ann")),
		localBinding("shop", "keepers", "Role", "one", accountSubject("", "clerk"), accountSubject("bank", "teller")),
		localBinding("shop", "all", "ClusterRole", "everything", userSubject("bob")),
	), nil)
	crew, ann, bob := member("joe", "crew"), member("ann"), member("bob")
	clerk, teller := member("system:serviceaccount:shop:clerk"), member("system:serviceaccount:bank:teller")
	for _, c := range []struct {
		name   string
		a      Attributes
		reason string
	}{
		{"a group's member, everywhere", resource(crew, "get", "", "pods", "shop", "web"), `RBAC: allowed by ClusterRoleBinding "readers" of ClusterRole "reader" to Group "crew"`},
		{"at the cluster's scope", resource(crew, "list", "", "pods", "", ""), `RBAC: allowed by ClusterRoleBinding "readers" of ClusterRole "reader" to Group "crew"`},
		{"a subresource by name", resource(crew, "get", "", "pods/log", "shop", "web"), `RBAC: allowed by ClusterRoleBinding "readers" of ClusterRole "reader" to Group "crew"`},
		{"a subresource not named", resource(crew, "get", "", "pods/exec", "shop", "web"), ""},
		{"a verb not named", resource(crew, "delete", "", "pods", "shop", "web"), ""},
		{"another group's resource", resource(crew, "get", "metrics.k8s.io", "pods", "shop", "web"), ""},
		{"no member", resource(ann, "get", "", "pods", "shop", "web"), ""},
		{"any resource's subresource", resource(ann, "update", "apps", "deployments/scale", "shop", "web"), `RBAC: allowed by ClusterRoleBinding "scalers" of ClusterRole "scaler" to User "ann"`},
		{"not the resource itself", resource(ann, "update", "apps", "deployments", "shop", "web"), ""},
		{"a path", Attributes{User: ann, Verb: "get", Path: "/metrics"}, `RBAC: allowed by ClusterRoleBinding "paths" of ClusterRole "paths" to User "ann"`},
		{"below a path", Attributes{User: ann, Verb: "get", Path: "/logs/a/b"}, `RBAC: allowed by ClusterRoleBinding "paths" of ClusterRole "paths" to User "ann"`},
		{"not below", Attributes{User: ann, Verb: "get", Path: "/metrics/slis"}, ""},
		{"a path's other verb", Attributes{User: ann, Verb: "post", Path: "/metrics"}, ""},
		{"an account of the binding's namespace", resource(clerk, "get", "", "secrets", "shop", "till"), `RBAC: allowed by RoleBinding "keepers/shop" of Role "one" to ServiceAccount "clerk/"`},
		{"an account of another", resource(teller, "delete", "", "secrets", "shop", "safe"), `RBAC: allowed by RoleBinding "keepers/shop" of Role "one" to ServiceAccount "teller/bank"`},
		{"another object's name", resource(clerk, "get", "", "secrets", "shop", "letters"), ""},
		{"no name", resource(clerk, "get", "", "secrets", "shop", ""), ""},
		{"another namespace", resource(clerk, "get", "", "secrets", "bank", "till"), ""},
		{"a cluster role, in a namespace", resource(bob, "create", "apps", "deployments", "shop", ""), `RBAC: allowed by RoleBinding "all/shop" of ClusterRole "everything" to User "bob"`},
		{"in that namespace only", resource(bob, "create", "apps", "deployments", "", ""), ""},
		{"no paths by resources", Attributes{User: bob, Verb: "get", Path: "/metrics"}, ""},
		{"masters", resource(member("x", "system:masters"), "delete", "", "nodes", "", "n"), ""},
	} {
		// Twice: the second answer is remembered.
		for range 2 {
			allowed, reason, err := a.Authorize(t.Context(), c.a)
			want := c.reason != "" || c.name == "masters"
			if allowed != want || reason != c.reason || err != nil {
				t.Errorf("%s: %v %q %v, want %v %q", c.name, allowed, reason, err, want, c.reason)
			}
		}
	}
}

func TestForbiddenText(t *testing.T) {
	t.Parallel()
	for want, a := range map[string]Attributes{
		`pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "y"`:                                     resource(member("x"), "list", "", "pods", "y", ""),
		`deployments.apps "web" is forbidden: User "x" cannot patch resource "deployments/scale" in API group "apps" in the namespace "y"`: resource(member("x"), "patch", "apps", "deployments/scale", "y", "web"),
		`nodes is forbidden: User "x" cannot list resource "nodes" in API group "" at the cluster scope`:                                   resource(member("x"), "list", "", "nodes", "", ""),
		`forbidden: User "x" cannot get path "/metrics"`:                                                                                   {User: member("x"), Verb: "get", Path: "/metrics"},
	} {
		if got := Forbidden(&a, "").Error(); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
	a := resource(member("x"), "list", "", "pods", "y", "")
	if got := Forbidden(&a, "because").Error(); got != `pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "y": because` {
		t.Error(got)
	}
}

func TestChangesAreSeen(t *testing.T) {
	t.Parallel()
	m := newMemory()
	a := NewAuthorizer(m, nil)
	ann := member("ann")
	may := func() bool {
		allowed, _, _ := a.Authorize(t.Context(), resource(ann, "get", "", "pods", "shop", "web"))
		return allowed
	}
	step := func(what string, want bool, change func()) {
		t.Helper()
		change()
		if may() != want {
			t.Errorf("%s: may is %v", what, !want)
		}
	}
	put := func(o kind.Object) func() { return func() { a.Changed(m.put(o)) } }
	remove := func(o kind.Object) func() {
		return func() {
			m.remove(keyOfObject(o))
			a.Changed(keyOfObject(o))
		}
	}
	get := allow("get", `""`, "pods", "")
	role, binding := localRole("shop", "r", get), localBinding("shop", "b", "Role", "r", userSubject("ann"))
	step("nothing", false, func() {})
	step("a binding before its role", false, put(binding))
	step("the role", true, put(role))
	step("other rules", false, put(localRole("shop", "r", allow("list", `""`, "pods", ""))))
	step("rules again", true, put(role))
	step("another subject", false, put(localBinding("shop", "b", "Role", "r", userSubject("bob"))))
	step("the subject again", true, put(binding))
	step("told twice", true, put(binding))
	step("without the binding", false, remove(binding))
	step("without the role", false, remove(role))
	if _, ok := a.namespaces.Load("shop"); ok {
		t.Error("an empty namespace is kept")
	}
	aggregate := clusterRole("sum")
	aggregate.AggregationRule = &rbacv1.AggregationRule{ClusterRoleSelectors: selectors("to-sum")}
	part := clusterRole("part", get)
	part.Labels = map[string]string{"to-sum": "true"}
	step("an aggregate of nothing", false, func() { put(aggregate)(); put(clusterBinding("sums", "sum", userSubject("ann")))() })
	step("a part of it, not yet written", false, put(part))
	aggregate = aggregate.DeepCopy()
	aggregate.Rules = part.Rules
	step("what was written of it", true, put(aggregate))
}

func BenchmarkAuthorize(b *testing.B) {
	objects := newMemory(BootstrapObjects()...)
	for i := range 200 {
		objects.put(localBinding("shop", "b"+string(rune('a'+i%26))+string(rune('a'+i/26)), "ClusterRole", "edit", userSubject("ann")))
	}
	a := NewAuthorizer(objects, nil)
	service := ServiceUser("scheduler")
	for name, attributes := range map[string]Attributes{
		"service":   resource(service, "list", "", "pods", "", ""),
		"namespace": resource(member("ann", groupAuthenticated), "patch", "apps", "deployments", "shop", "web"),
		"refused":   resource(member("eve", groupAuthenticated), "patch", "apps", "deployments", "shop", "web"),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _, _ = a.Authorize(b.Context(), attributes)
			}
		})
		b.Run(name+"/first", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				a.decide(&attributes)
			}
		})
	}
}
