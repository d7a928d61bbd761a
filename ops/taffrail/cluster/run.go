package cluster

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"taffrail.dev/events/bus"
	"taffrail.dev/gateway"
	"taffrail.dev/gateway/access/pki"
	"taffrail.dev/ops/taffrail/datadir"
	"taffrail.dev/ops/taffrail/memory"
)

// instance is a cluster being run.
type instance struct {
	Config
	host
	keys    *pki.Set
	bus     *bus.Bus
	metrics *prometheus.Registry
}

// Run runs the cluster until ctx ends or a part of it fails.
func Run(ctx context.Context, c Config) error {
	return hold(ctx, c, func(i *instance) error { return i.runParts(ctx, i.start) })
}

// RunGateway runs a gateway alone, on a journal elsewhere whose streams it brings up to date.
func RunGateway(ctx context.Context, c Config) error {
	return hold(ctx, c, func(i *instance) error {
		return i.runParts(ctx, func(ctx context.Context, group *errgroup.Group, g *gateway.Gateway) error {
			if err := i.startGateway(ctx, group, g); err != nil {
				return err
			}
			i.ready()
			return nil
		})
	})
}

// hold takes the data dir, makes the keys and opens the bus for as long as do runs.
func hold(ctx context.Context, c Config, do func(*instance) error) error {
	h, err := c.complete()
	if err != nil {
		return err
	}
	lease, err := datadir.Acquire(c.Dir)
	if err != nil {
		return err
	}
	defer lease.Release()
	i := &instance{Config: c, host: h, metrics: prometheus.NewRegistry()}
	if i.keys, err = i.certificates(); err != nil {
		return err
	}
	if err := i.openBus(ctx); err != nil {
		return err
	}
	defer i.bus.Close()
	i.Progress.Done("journal open")
	return do(i)
}

func (i *instance) openBus(ctx context.Context) error {
	c, err := i.busConfig()
	if err != nil {
		return err
	}
	if i.bus, err = bus.Open(ctx, c); err != nil {
		return err
	}
	if err := i.grant(); err != nil {
		i.bus.Close()
		return err
	}
	return nil
}

func (i *instance) busConfig() (bus.Config, error) {
	if i.NATSURL != "" {
		return remote(&i.Config)
	}
	c := bus.Config{DataDir: i.Dir.Path("nats"), Listen: i.NATSListen, Log: i.Log}
	if c.Listen != "" {
		c.TLS = &tls.Config{Certificates: []tls.Certificate{i.keys.Serving.TLS()}, MinVersion: tls.VersionTLS13}
	}
	return c, nil
}

// runParts runs a gateway and what start starts beside it; the first to end stops all.
func (i *instance) runParts(ctx context.Context, start func(context.Context, *errgroup.Group, *gateway.Gateway) error) error {
	g, err := i.newGateway(ctx)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return memory.Run(ctx) })
	group.Go(func() error { return part("gateway", g.Run(ctx)) })
	group.Go(func() error { return start(ctx, group, g) })
	return ended(group)
}

// start does what has an order: the gateway, the services, the node.
func (i *instance) start(ctx context.Context, group *errgroup.Group, g *gateway.Gateway) error {
	if err := i.startGateway(ctx, group, g); err != nil {
		return err
	}
	feed, err := i.startServices(ctx, group)
	if err != nil {
		return err
	}
	i.Progress.Done("services caught up")
	if i.Node {
		if err := i.startNode(ctx, group, i.identity()); err != nil {
			return err
		}
		if err := i.awaitReady(ctx, feed); err != nil {
			return err
		}
		i.Progress.Done("node ready")
	}
	i.ready()
	return nil
}

func (i *instance) ready() {
	if i.Ready != nil {
		i.Ready()
	}
}

// ended waits for all parts; being told to stop is no failure.
func ended(group *errgroup.Group) error {
	if err := group.Wait(); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// part names the part that failed.
func part(name string, err error) error {
	if err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w", name, err)
	}
	return err
}
