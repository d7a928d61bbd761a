package access

import (
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"taffrail.dev/gateway/kind"
)

func TestBootstrapPolicy(t *testing.T) {
	t.Parallel()
	m := newMemory(BootstrapObjects()...)
	for _, c := range []struct{ user, role string }{{"viewer", "view"}, {"editor", "edit"}, {"boss", "admin"}} {
		m.put(localBinding("shop", c.user, "ClusterRole", c.role, userSubject(c.user)))
	}
	role, binding := ServiceRole("scheduler", []rbacv1.PolicyRule{allow("create", `""`, "pods/binding", "")})
	m.put(role)
	m.put(binding)
	a := NewAuthorizer(m, nil)
	viewer, editor, boss := member("viewer", groupAuthenticated), member("editor", groupAuthenticated), member("boss", groupAuthenticated)
	for _, c := range []struct {
		a    Attributes
		want bool
	}{
		{resource(viewer, "list", "", "pods", "shop", ""), true},
		{resource(viewer, "get", "", "pods/log", "shop", "web"), true},
		{resource(viewer, "get", "", "secrets", "shop", "till"), false},
		{resource(viewer, "delete", "", "pods", "shop", "web"), false},
		{resource(viewer, "list", "", "pods", "bank", ""), false},
		{resource(editor, "get", "", "secrets", "shop", "till"), true},
		{resource(editor, "patch", "apps", "deployments/scale", "shop", "web"), true},
		{resource(editor, "create", "", "pods/exec", "shop", "web"), true},
		{resource(editor, "create", "rbac.authorization.k8s.io", "roles", "shop", ""), false},
		{resource(boss, "create", "rbac.authorization.k8s.io", "roles", "shop", ""), true},
		{resource(boss, "create", "", "namespaces", "", ""), false},
		{resource(boss, "create", "authorization.k8s.io", "selfsubjectaccessreviews", "", ""), true},
		{Attributes{User: viewer, Verb: "get", Path: "/apis/apps/v1"}, true},
		{Attributes{User: viewer, Verb: "get", Path: "/openapi/v3/api/v1"}, true},
		{Attributes{User: viewer, Verb: "get", Path: "/metrics"}, false},
		{Attributes{User: anonymous(), Verb: "get", Path: "/readyz"}, true},
		{Attributes{User: anonymous(), Verb: "get", Path: "/api"}, false},
		{resource(ServiceUser("scheduler"), "create", "", "pods/binding", "shop", "web"), true},
		{resource(ServiceUser("scheduler"), "watch", "", "nodes", "", ""), true},
		{resource(ServiceUser("dns"), "create", "", "pods/binding", "shop", "web"), false},
		{resource(ServiceUser("dns"), "create", "", "events", "shop", ""), true},
	} {
		if allowed, reason, _ := a.Authorize(t.Context(), c.a); allowed != c.want {
			t.Errorf("%s: %v %s", ForbiddenText(&c.a), allowed, reason)
		}
	}
	for _, o := range BootstrapObjects() {
		if role, ok := o.(*rbacv1.ClusterRole); ok && role.AggregationRule != nil && len(role.Rules) < 5 {
			t.Errorf("%s is not aggregated: %d rules", role.Name, len(role.Rules))
		}
	}
}

func TestEscalation(t *testing.T) {
	t.Parallel()
	pods := allow("get", `""`, "pods", "")
	a := NewAuthorizer(newMemory(
		clusterRole("pods", pods), clusterRole("binds", allow("bind", "rbac.authorization.k8s.io", "clusterroles", "strong")),
		clusterRole("escalates", allow("escalate", "*", "roles,clusterroles", "")), clusterRole("strong", allow("*", "*", "*", "")),
		localBinding("shop", "ann", "ClusterRole", "pods", userSubject("ann")), clusterBinding("bob", "binds", userSubject("bob")),
		clusterBinding("eve", "escalates", userSubject("eve")),
	), nil)
	ann, bob, eve, root := member("ann"), member("bob"), member("eve"), member("root", groupMasters)
	strong := localBinding("shop", "b", "ClusterRole", "strong", userSubject("x"))
	sum := clusterRole("sum")
	sum.AggregationRule = &rbacv1.AggregationRule{ClusterRoleSelectors: selectors("x")}
	for name, c := range map[string]struct {
		user     kind.User
		obj, old kind.Object
		want     string
	}{
		"what is held":               {ann, localRole("shop", "r", pods), nil, ""},
		"what is held, elsewhere":    {ann, localRole("bank", "r", pods), nil, `{APIGroups:[""], Resources:["pods"], Verbs:["get"]}`},
		"more than is held":          {ann, localRole("shop", "r", allow("get,delete", `""`, "pods", "")), nil, `Verbs:["delete"]`},
		"cluster-wide":               {ann, clusterRole("r", pods), nil, `user "ann" (groups=[]) is attempting to grant RBAC permissions not currently held`},
		"rules as they were":         {ann, clusterRole("r", pods), clusterRole("r", pods), ""},
		"by the verb escalate":       {eve, clusterRole("r", allow("*", "*", "*", "")), nil, ""},
		"by masters":                 {root, clusterRole("r", allow("*", "*", "*", "")), nil, ""},
		"a binding of what is held":  {ann, localBinding("shop", "b", "ClusterRole", "pods", userSubject("x")), nil, ""},
		"a binding of more":          {ann, strong, nil, "not currently held"},
		"by the verb bind":           {bob, strong, nil, ""},
		"by bind, another role":      {bob, localBinding("shop", "b", "ClusterRole", "pods", userSubject("x")), nil, "not currently held"},
		"a binding as it was":        {ann, strong, strong, ""},
		"a binding of no role":       {ann, localBinding("shop", "b", "Role", "none", userSubject("x")), nil, `roles.rbac.authorization.k8s.io "none" not found`},
		"an aggregate, which is all": {ann, sum, nil, "not currently held"},
		"an aggregate, by escalate":  {eve, sum, nil, ""},
	} {
		err := a.CheckEscalation(t.Context(), &c.user, c.obj, c.old)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestReviews(t *testing.T) {
	t.Parallel()
	m := newMint(t)
	m.objects.put(clusterRole("pods", allow("get", `""`, "pods", ""), rbacv1.PolicyRule{Verbs: []string{"get"}, NonResourceURLs: []string{"/a"}}))
	m.objects.put(clusterBinding("ann", "pods", userSubject("ann")))
	v := &Reviews{Tokens: m.Tokens, Authorizer: NewAuthorizer(m.objects, nil)}
	r := &kind.Request{User: member("ann", "crew"), Namespace: "shop"}
	pods := &authorizationv1.ResourceAttributes{Namespace: "shop", Verb: "get", Resource: "pods"}

	answer := func(f func() (kind.Object, error)) kind.Object {
		t.Helper()
		o, err := f()
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	token := answer(func() (kind.Object, error) {
		return v.Token(t.Context(), r, &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: m.token(t, nil, 0)}})
	}).(*authenticationv1.TokenReview)
	if !token.Status.Authenticated || token.Status.User.Username != "system:serviceaccount:shop:clerk" || token.Status.Audiences[0] != issuer {
		t.Errorf("%+v", token.Status)
	}
	token = answer(func() (kind.Object, error) {
		return v.Token(t.Context(), r, &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: "x"}})
	}).(*authenticationv1.TokenReview)
	if token.Status.Authenticated || token.Status.Error == "" {
		t.Errorf("%+v", token.Status)
	}
	self := answer(func() (kind.Object, error) {
		return v.SelfSubject(t.Context(), r, &authenticationv1.SelfSubjectReview{})
	}).(*authenticationv1.SelfSubjectReview)
	if self.Status.UserInfo.Username != "ann" || self.Status.UserInfo.Groups[0] != "crew" {
		t.Errorf("%+v", self.Status)
	}
	may := answer(func() (kind.Object, error) {
		return v.SelfSubjectAccess(t.Context(), r, &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: pods}})
	}).(*authorizationv1.SelfSubjectAccessReview)
	if !may.Status.Allowed || may.Status.Reason == "" {
		t.Errorf("%+v", may.Status)
	}
	bob := authorizationv1.SubjectAccessReviewSpec{User: "bob", ResourceAttributes: pods}
	if got := answer(func() (kind.Object, error) {
		return v.SubjectAccess(t.Context(), r, &authorizationv1.SubjectAccessReview{Spec: bob})
	}).(*authorizationv1.SubjectAccessReview); got.Status.Allowed {
		t.Errorf("%+v", got.Status)
	}
	rules := answer(func() (kind.Object, error) {
		return v.SelfSubjectRules(t.Context(), r, &authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: "shop"}})
	}).(*authorizationv1.SelfSubjectRulesReview)
	if len(rules.Status.ResourceRules) != 1 || len(rules.Status.NonResourceRules) != 1 {
		t.Errorf("%+v", rules.Status)
	}
}

func TestReviewRefusals(t *testing.T) {
	t.Parallel()
	m := newMint(t)
	v := &Reviews{Tokens: m.Tokens, Authorizer: NewAuthorizer(m.objects, nil)}
	r := &kind.Request{User: member("ann"), Namespace: "shop"}
	elsewhere := &authorizationv1.ResourceAttributes{Namespace: "bank", Verb: "get", Resource: "pods"}
	for name, refused := range map[string]func() (kind.Object, error){
		"no attributes": func() (kind.Object, error) {
			return v.SelfSubjectAccess(t.Context(), r, &authorizationv1.SelfSubjectAccessReview{})
		},
		"no subject": func() (kind.Object, error) {
			return v.SubjectAccess(t.Context(), r, &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{ResourceAttributes: elsewhere}})
		},
		"another namespace": func() (kind.Object, error) {
			return v.LocalSubjectAccess(t.Context(), r, &authorizationv1.LocalSubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{User: "x", ResourceAttributes: elsewhere}})
		},
		"no token": func() (kind.Object, error) { return v.Token(t.Context(), r, &authenticationv1.TokenReview{}) },
	} {
		if _, err := refused(); !apierrors.IsInvalid(err) && !apierrors.IsBadRequest(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
