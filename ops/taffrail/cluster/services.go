package cluster

import (
	"context"
	"slices"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"taffrail.dev/events/bus"
	"taffrail.dev/events/fold"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/access/pki"
	"taffrail.dev/gateway/kind"
	"taffrail.dev/services/certificates"
	"taffrail.dev/services/dns"
	"taffrail.dev/services/registry"
)

// role is what a service may do on the bus.
func role(s registry.Service) bus.Role {
	if s.Assigns {
		return bus.Assigner(s.Spec)
	}
	return bus.Service(s.Spec)
}

// startServices runs every service over one feed, and returns it once all have caught up.
func (i *instance) startServices(ctx context.Context, group *errgroup.Group) (*fold.Feed, error) {
	services, err := i.services()
	if err != nil {
		return nil, err
	}
	spec := process.Spec{Name: "feed"}
	for _, s := range services {
		spec.Reads = append(spec.Reads, s.Spec.Reads...)
	}
	feed, err := i.feed(ctx, bus.Service(spec), spec.Reads)
	if err != nil {
		return nil, err
	}
	group.Go(func() error { return part("feed", feed.Run(ctx)) })
	ready := make(chan struct{}, len(services))
	for _, s := range services {
		if err := i.startService(ctx, group, s, feed, ready); err != nil {
			return nil, err
		}
	}
	for range services {
		select {
		case <-ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return feed, nil
}

// startService runs one service, which tells ready once it has caught up.
func (i *instance) startService(ctx context.Context, group *errgroup.Group, s registry.Service, feed *fold.Feed, ready chan<- struct{}) error {
	conn, err := i.bus.Conn(role(s))
	if err != nil {
		return err
	}
	deps := process.Deps{
		Source: feed, Commands: bus.NewCommander(conn, s.Spec.Name), Log: i.Log,
		Metrics: i.metrics, Ready: func() { ready <- struct{}{} },
	}
	group.Go(func() error { return part(s.Spec.Name, s.Run(ctx, deps)) })
	return nil
}

// services are those that this instance runs.
func (i *instance) services() ([]registry.Service, error) {
	c := registry.Config{Pods: podRange, Resources: resources(), Authority: i.keys.CAPEM}
	certificate, key, err := pki.ReadAuthority(i.PKI)
	if err != nil {
		return nil, err
	}
	c.Signing = &certificates.Authority{Certificate: certificate, Key: key}
	for _, s := range registry.All(c) {
		if s.Assigns {
			if err := i.assigning(&c, s); err != nil {
				return nil, err
			}
		}
	}
	if i.Node { // names are for pods
		i.naming(&c, i.names.String())
	}
	return slices.DeleteFunc(registry.All(c), func(s registry.Service) bool { return s.Listens && !i.Node }), nil
}

// assigning gives the services the journal of assignments, as the one that writes it.
func (i *instance) assigning(c *registry.Config, s registry.Service) (err error) {
	c.Assign, err = i.bus.Journal(role(s), subject.Assign, journal.Options{})
	return err
}

// naming gives them where the name server listens, and whom it asks for other names.
func (i *instance) naming(c *registry.Config, listen string) {
	upstreams, err := dns.Resolvers("/etc/resolv.conf")
	if err != nil {
		i.Log.Warn("no name servers for other names", zap.Error(err))
	}
	c.DNS = dns.Config{Listen: listen, Domain: clusterDomain, Upstreams: upstreams}
}

// feed reads what some services read, as a role that may read it.
func (i *instance) feed(ctx context.Context, reader bus.Role, resources []subject.Resource) (*fold.Feed, error) {
	streams := map[subject.Stream]journal.Reader{}
	for _, r := range resources {
		stream := subject.StreamOf(r)
		if streams[stream] != nil {
			continue
		}
		j, err := i.bus.Journal(reader, stream, journal.Options{})
		if err != nil {
			return nil, err
		}
		streams[stream] = j
	}
	snapshots, err := i.snapshots(ctx, reader)
	if err != nil {
		return nil, err
	}
	return fold.NewFeed(fold.FeedConfig{Streams: streams, Snapshots: snapshots, Log: i.Log}), nil
}

// resources are all that objects are stored of.
func resources() []subject.Resource {
	var out []subject.Resource
	for _, k := range kind.All(kind.Hooks{}) {
		if k.Review == nil && !k.Internal && k.Stored == nil {
			out = append(out, k.SubjectResource())
		}
	}
	return out
}
