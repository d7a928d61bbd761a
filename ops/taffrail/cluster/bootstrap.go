package cluster

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway"
	"taffrail.dev/gateway/access"
	"taffrail.dev/gateway/kind"
	"taffrail.dev/services/registry"
)

// bootstrap makes what every cluster has, and the administrator's kubeconfig.
func (i *instance) bootstrap(ctx context.Context, g *gateway.Gateway) error {
	objects := i.objects()
	if err := g.Ensure(ctx, objects, subject.EndpointSlices, subject.Endpoints); err != nil {
		return err
	}
	i.Progress.Done("cluster objects there")
	return i.writeKubeconfig()
}

func (i *instance) objects() []kind.Object {
	var objects []kind.Object
	for _, name := range []string{metav1.NamespaceDefault, metav1.NamespaceSystem, metav1.NamespacePublic, corev1.NamespaceNodeLease} {
		objects = append(objects, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
	objects = append(objects, access.BootstrapObjects()...)
	for _, s := range registry.All(registry.Config{}) {
		if rules := registry.Rules(s.Spec); len(rules) > 0 {
			role, binding := access.ServiceRole(s.Spec.Name, rules)
			objects = append(objects, role, binding)
		}
	}
	if i.Node {
		objects = append(objects, dnsObjects(dnsAddress, i.nameServer())...)
	}
	return objects
}

func (i *instance) writeKubeconfig() error {
	return i.keys.Kubeconfig(i.Dir.Kubeconfig(), i.server(), i.keys.Admin)
}
