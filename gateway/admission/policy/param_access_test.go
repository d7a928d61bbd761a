package policy

import (
	"context"
	"testing"

	registrationv1 "k8s.io/api/admissionregistration/v1"

	"taffrail.dev/gateway/access"
	"taffrail.dev/gateway/kind"
)

func TestParamAccess(t *testing.T) {
	t.Parallel()
	secrets := rule("p", "1", "true").(*registrationv1.ValidatingAdmissionPolicy)
	secrets.Spec.ParamKind = &registrationv1.ParamKind{APIVersion: "v1", Kind: "Secret"}
	bound := func(policy, namespace, name string) kind.Object {
		b := bind("b", policy).(*registrationv1.ValidatingAdmissionPolicyBinding)
		b.Spec.ParamRef = &registrationv1.ParamRef{Namespace: namespace, Name: name}
		return b
	}
	may := func(_ context.Context, a access.Attributes) (bool, string, error) {
		asked := a.Verb + " " + a.APIGroup + "/" + a.APIVersion + "/" + a.Resource + "/" + a.Namespace + "/" + a.Name
		return a.User.Name == asked, "", nil
	}
	p := New(Config{Objects: objects{kind.ValidatingPolicies: {secrets}}, Kinds: kind.All(kind.Hooks{}), Authorize: may})
	const head = `ValidatingAdmissionPolicy.admissionregistration.k8s.io "p" is invalid: spec.paramKind: Forbidden: user ann must have "get" permission on all objects of the referenced paramKind (kind=Secret, apiVersion=v1)`
	const bindHead = `ValidatingAdmissionPolicyBinding.admissionregistration.k8s.io "b" is invalid: spec.paramRef: Forbidden: user ann must have "get" permission on the object being referenced by this paramRef `
	for name, c := range map[string]struct {
		user     string
		obj, old kind.Object
		want     string
	}{
		"a policy without":        {"ann", rule("p", "1", "true"), nil, ""},
		"a policy":                {"ann", secrets, nil, head},
		"a reader's policy":       {"get /v1/secrets/*/*", secrets, nil, ""},
		"it had them":             {"ann", secrets, secrets, ""},
		"it gets them":            {"ann", secrets, rule("p", "1", "true"), head},
		"a binding":               {"ann", bound("p", "shop", "s"), nil, bindHead + "(kind=Secret, apiVersion=v1)"},
		"a reader's binding":      {"get /v1/secrets/shop/s", bound("p", "shop", "s"), nil, ""},
		"a binding everywhere":    {"get /v1/secrets/*/s", bound("p", "", "s"), nil, ""},
		"a binding to nothing":    {"ann", bound("none", "shop", "s"), nil, bindHead + "(kind=*, apiVersion=*/*)"},
		"a binding without":       {"ann", bind("b", "p"), nil, ""},
		"who may read everything": {"get */*/*/shop/s", bound("none", "shop", "s"), nil, ""},
	} {
		k := p.kinds[registrationv1.SchemeGroupVersion.WithKind("ValidatingAdmissionPolicy")]
		if _, ok := c.obj.(*registrationv1.ValidatingAdmissionPolicyBinding); ok {
			k = p.kinds[registrationv1.SchemeGroupVersion.WithKind("ValidatingAdmissionPolicyBinding")]
		}
		r := &kind.Request{Kind: k, Name: c.obj.GetName(), User: kind.User{Name: c.user}}
		got := ""
		if err := (paramAccess{p}).Validate(t.Context(), r, c.obj, c.old); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s\n got: %s\nwant: %s", name, got, c.want)
		}
	}
}
