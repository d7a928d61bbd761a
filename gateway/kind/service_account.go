package kind

import (
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func serviceAccountKind(h Hooks) *Kind {
	k := &Kind{
		GroupVersionKind: core("ServiceAccount"), Resource: "serviceaccounts", ShortNames: []string{"sa"}, Namespaced: true,
		New:     func() Object { return new(corev1.ServiceAccount) },
		NewList: func() runtime.Object { return new(corev1.ServiceAccountList) },
		Prepare: prepares(func(sa, _ *corev1.ServiceAccount) {
			for i := range sa.Secrets {
				sa.Secrets[i] = corev1.ObjectReference{Name: sa.Secrets[i].Name}
			}
		}),
		Columns: []Column{
			column("Secrets", "integer", 0, func(sa *corev1.ServiceAccount, _ time.Time) any { return int64(len(sa.Secrets)) }),
		},
	}
	if h.ServiceAccountToken != nil {
		k.Subresources = []Subresource{{
			Name: "token", Verbs: []string{"create"},
			GroupVersionKind: gvk("authentication.k8s.io", "v1", "TokenRequest"),
			New:              func() Object { return new(authenticationv1.TokenRequest) },
			Create:           h.ServiceAccountToken,
		}}
	}
	return k
}
