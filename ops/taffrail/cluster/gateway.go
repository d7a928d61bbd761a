package cluster

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"golang.org/x/sync/errgroup"

	"taffrail.dev/events/bus"
	"taffrail.dev/events/fold"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
	"taffrail.dev/gateway"
	"taffrail.dev/gateway/access/pki"
	"taffrail.dev/gateway/discovery/openapi"
)

func (i *instance) certificates() (*pki.Set, error) {
	address := i.address.AsSlice()
	return pki.Ensure(i.PKI, pki.Options{
		ClusterDomain: clusterDomain, ServiceIPs: []net.IP{apiAddress.AsSlice()},
		Hostnames: []string{i.name}, IPs: []net.IP{address},
		Nodes: []pki.Node{{Name: i.name, IPs: []net.IP{address}}},
	})
}

func (i *instance) newGateway(ctx context.Context) (*gateway.Gateway, error) {
	commands, err := i.bus.Conn(bus.Gateway())
	if err != nil {
		return nil, err
	}
	journals := map[subject.Stream]journal.Journal{}
	for _, stream := range []subject.Stream{subject.State, subject.Leases, subject.Events} {
		if journals[stream], err = i.bus.Journal(bus.Gateway(), stream, journal.Options{Fence: i.replicated()}); err != nil {
			return nil, err
		}
	}
	audit, err := i.bus.Journal(bus.Gateway(), subject.Audit, journal.Options{})
	if err != nil {
		return nil, err
	}
	snapshots, err := i.snapshots(ctx, bus.Gateway())
	if err != nil {
		return nil, err
	}
	documents, err := openapi.New()
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort("", strconv.Itoa(i.HTTPSPort)))
	if err != nil {
		return nil, fmt.Errorf("--https-port %d: %w", i.HTTPSPort, err)
	}
	var plain net.Listener
	if i.HTTPPort != 0 {
		if plain, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(i.HTTPPort))); err != nil {
			listener.Close()
			return nil, fmt.Errorf("--http-port %d: %w", i.HTTPPort, err)
		}
	}
	kubelet := i.keys.KubeletClient.TLS()
	return gateway.New(gateway.Config{
		Journals: journals, Audit: audit, Replicated: i.replicated(), Snapshots: snapshots, Commands: commands,
		Listener: listener, Plain: plain, Address: i.endpoint(listener).String(),
		Serving: i.keys.Serving.TLS(), ClientCAs: i.keys.CA, KubeletClient: &kubelet,
		TokenKey: i.keys.ServiceAccountKey, BootstrapTokens: i.BootstrapTokens, Admission: gateway.Plugins, OpenAPI: documents,
		Log: i.Log, Metrics: i.metrics, Gather: i.metrics,
	})
}

// endpoint is where this gateway is reached from pods and other machines.
func (i *instance) endpoint(listener net.Listener) netip.AddrPort {
	return netip.AddrPortFrom(i.address, uint16(listener.Addr().(*net.TCPAddr).Port))
}

func (i *instance) snapshots(ctx context.Context, role bus.Role) (*fold.Snapshots, error) {
	store, err := i.bus.Snapshots(ctx, role)
	if err != nil {
		return nil, err
	}
	return &fold.Snapshots{Bucket: fold.NewBucket(store), Log: i.Log}, nil
}

// takeSnapshots keeps starts short: whoever starts reads the newest and what came since.
func (i *instance) takeSnapshots(ctx context.Context, group *errgroup.Group) error {
	snapshots, err := i.snapshots(ctx, bus.Gateway())
	if err != nil {
		return err
	}
	for _, stream := range []subject.Stream{subject.State, subject.Leases, subject.Events} {
		j, err := i.bus.Journal(bus.Gateway(), stream, journal.Options{})
		if err != nil {
			return err
		}
		taker := &fold.Snapshotter{Snapshots: snapshots, Stream: stream, Journal: j, Log: i.Log}
		group.Go(func() error { return part("snapshots", taker.Run(ctx)) })
	}
	return nil
}

// startGateway returns once the gateway has caught up and there are the objects that every cluster has.
func (i *instance) startGateway(ctx context.Context, group *errgroup.Group, g *gateway.Gateway) error {
	if err := g.Ready(ctx); err != nil {
		return err
	}
	i.Progress.Done("gateway caught up")
	if err := i.takeSnapshots(ctx, group); err != nil {
		return err
	}
	if err := i.bootstrap(ctx, g); err != nil {
		return err
	}
	group.Go(func() error { return part("flow schemas", g.KeepFlow(ctx)) })
	return nil
}
