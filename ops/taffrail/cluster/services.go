package cluster

import (
	"context"
	"net/netip"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"taffrail.dev/events/bus"
	"taffrail.dev/events/fold"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
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
	feed, err := i.feed(ctx, services)
	if err != nil {
		return nil, err
	}
	group.Go(func() error { return part("feed", feed.Run(ctx)) })
	ready := make(chan struct{}, len(services))
	for _, s := range services {
		conn, err := i.bus.Conn(role(s))
		if err != nil {
			return nil, err
		}
		deps := process.Deps{
			Source: feed, Commands: bus.NewCommander(conn, s.Spec.Name), Log: i.Log.With(zap.String("service", s.Spec.Name)),
			Metrics: i.metrics, Ready: func() { ready <- struct{}{} },
		}
		group.Go(func() error { return part(s.Spec.Name, s.Run(ctx, deps)) })
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

func (i *instance) services() ([]registry.Service, error) {
	assigner := bus.Role{}
	for _, s := range registry.All(registry.Config{}) {
		if s.Assigns {
			assigner = role(s)
		}
	}
	assign, err := i.bus.Journal(assigner, subject.Assign, journal.Options{})
	if err != nil {
		return nil, err
	}
	upstreams, err := dns.Resolvers("/etc/resolv.conf")
	if err != nil {
		i.Log.Warn("no name servers for other names", zap.Error(err))
	}
	all := registry.All(registry.Config{
		Pods: podRange, Authority: i.keys.CAPEM, Resources: resources(), Assign: assign,
		DNS: dns.Config{Listen: i.nameServer().String(), Domain: clusterDomain, Upstreams: upstreams},
	})
	if i.Node {
		return all, nil
	}
	var out []registry.Service
	for _, s := range all {
		if s.Spec.Name != dns.Name { // names are for pods
			out = append(out, s)
		}
	}
	return out, nil
}

func (i *instance) nameServer() netip.AddrPort { return netip.AddrPortFrom(i.address, dnsPort) }

// feed reads what any of the services reads, as a role that may read just that.
func (i *instance) feed(ctx context.Context, services []registry.Service) (*fold.Feed, error) {
	spec := process.Spec{Name: "feed"}
	for _, s := range services {
		spec.Reads = append(spec.Reads, s.Spec.Reads...)
	}
	reader := bus.Service(spec)
	streams := map[subject.Stream]journal.Reader{}
	for _, r := range spec.Reads {
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
		if k.Review == nil && !k.Internal {
			out = append(out, k.SubjectResource())
		}
	}
	return out
}
