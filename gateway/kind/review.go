package kind

import (
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// reviewKinds are questions in the shape of objects: a create is answered and nothing is stored.
func reviewKinds(h Hooks) []*Kind {
	const authn, authz = "authentication.k8s.io", "authorization.k8s.io"
	all := []*Kind{
		review(authn, "TokenReview", "tokenreviews", false, func() Object { return new(authenticationv1.TokenReview) }, h.TokenReview),
		review(authn, "SelfSubjectReview", "selfsubjectreviews", false, func() Object { return new(authenticationv1.SelfSubjectReview) }, h.SelfSubjectReview),
		review(authz, "SubjectAccessReview", "subjectaccessreviews", false, func() Object { return new(authorizationv1.SubjectAccessReview) }, h.SubjectAccessReview),
		review(authz, "SelfSubjectAccessReview", "selfsubjectaccessreviews", false, func() Object { return new(authorizationv1.SelfSubjectAccessReview) }, h.SelfSubjectAccessReview),
		review(authz, "SelfSubjectRulesReview", "selfsubjectrulesreviews", false, func() Object { return new(authorizationv1.SelfSubjectRulesReview) }, h.SelfSubjectRulesReview),
		review(authz, "LocalSubjectAccessReview", "localsubjectaccessreviews", true, func() Object { return new(authorizationv1.LocalSubjectAccessReview) }, h.LocalSubjectAccessReview),
	}
	served := all[:0]
	for _, k := range all {
		if k.Review != nil {
			served = append(served, k)
		}
	}
	return served
}

func review(group, kind, resource string, namespaced bool, make func() Object, answer ReviewFunc) *Kind {
	return &Kind{
		GroupVersionKind: gvk(group, "v1", kind), Resource: resource, Namespaced: namespaced, Verbs: []string{"create"},
		New: make, NewList: func() runtime.Object { return make() }, Review: answer,
	}
}
