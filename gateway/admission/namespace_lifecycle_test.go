package admission

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"taffrail.dev/gateway/kind"
)

func TestNamespaceLifecycle(t *testing.T) {
	t.Parallel()
	pod := podWith(corev1.PodSpec{})
	active, ending := space("shop", corev1.NamespaceActive), space("shop", corev1.NamespaceTerminating)
	const refused = `pods "web" is forbidden: unable to create new content in namespace shop because it is being terminated`
	for name, c := range map[string]struct {
		cluster             cluster
		verb, resource, key string
		obj, old            kind.Object
		want                string
	}{
		"in a namespace":                 {cluster: cluster{have: []kind.Object{active}}, verb: "create", resource: "pods", obj: pod},
		"in none":                        {verb: "create", resource: "pods", obj: pod, want: `namespaces "shop" not found`},
		"in one just made":               {cluster: cluster{late: []kind.Object{active}}, verb: "create", resource: "pods", obj: pod},
		"in one that ends":               {cluster: cluster{have: []kind.Object{ending}}, verb: "create", resource: "pods", obj: pod, want: refused},
		"in one made again":              {cluster: cluster{have: []kind.Object{ending}, late: []kind.Object{active}}, verb: "create", resource: "pods", obj: pod},
		"apply in one that ends":         {cluster: cluster{have: []kind.Object{ending}}, verb: "patch", resource: "pods", obj: pod, want: refused},
		"evict in one that ends":         {cluster: cluster{have: []kind.Object{ending}}, verb: "create", resource: "pods/eviction", obj: new(policyv1.Eviction), want: refused},
		"update in one that ends":        {cluster: cluster{have: []kind.Object{ending}}, verb: "update", resource: "pods", obj: pod, old: pod},
		"delete in one that ends":        {cluster: cluster{have: []kind.Object{ending}}, verb: "delete", resource: "pods", old: pod},
		"delete a namespace":             {verb: "delete", resource: "namespaces", key: "shop", old: active},
		"delete where nodes' leases are": {verb: "delete", resource: "namespaces", key: "kube-node-lease", old: space("kube-node-lease", "")},
		"delete an immortal namespace": {verb: "delete", resource: "namespaces", key: "kube-system", old: space("kube-system", ""),
			want: `namespaces "kube-system" is forbidden: this namespace may not be deleted`},
		"make a namespace": {verb: "create", resource: "namespaces", key: "shop", obj: active},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			namespace, key := "shop", "web"
			if c.key != "" {
				namespace, key = "", c.key
			}
			err := NamespaceLifecycle{}.Admit(context.Background(), ask(&c.cluster, c.verb, c.resource, namespace, key), c.obj, c.old)
			wantText(t, err, c.want)
			if c.want == refused && !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
				t.Error("the refusal has no cause")
			}
		})
	}
}
