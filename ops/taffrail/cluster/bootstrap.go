package cluster

import (
	"context"
	"net/netip"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway"
	"taffrail.dev/gateway/access"
	"taffrail.dev/gateway/bootstrap"
	"taffrail.dev/gateway/kind"
	"taffrail.dev/services/registry"
)

// bootstrap makes what every cluster has, and the administrator's kubeconfig.
func (i *instance) bootstrap(ctx context.Context, g *gateway.Gateway) error {
	objects, err := i.objects()
	if err != nil {
		return err
	}
	if err := g.Ensure(ctx, objects, subject.EndpointSlices, subject.Endpoints); err != nil {
		return err
	}
	i.Progress.Done("cluster objects there")
	return i.writeKubeconfig()
}

func (i *instance) objects() ([]kind.Object, error) {
	objects, err := bootstrap.Objects(bootstrap.Config{
		ServiceCIDR: serviceRange, Advertise: netip.AddrPortFrom(i.address, uint16(i.HTTPSPort)),
	})
	if err != nil {
		return nil, err
	}
	objects = append(objects, access.BootstrapObjects()...)
	for _, s := range registry.All(registry.Config{}) {
		if rules := registry.Rules(s.Spec); len(rules) > 0 {
			role, binding := access.ServiceRole(s.Spec.Name, rules)
			objects = append(objects, role, binding)
		}
	}
	if i.Node || i.NameServer != "" {
		objects = append(objects, dnsObjects(dnsAddress, i.names)...)
	}
	return objects, nil
}

func (i *instance) writeKubeconfig() error {
	return i.keys.Kubeconfig(i.Dir.Kubeconfig(), i.server(), i.keys.Admin)
}
