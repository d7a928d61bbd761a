package cluster

import (
	"context"
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"taffrail.dev/events/bus"
	"taffrail.dev/gateway/access/pki"
	"taffrail.dev/ops/taffrail/datadir"
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
	if i.bus, err = bus.Open(ctx, i.busConfig()); err != nil {
		return err
	}
	defer i.bus.Close()
	i.Progress.Done("journal open")
	return i.run(ctx)
}

func (i *instance) busConfig() bus.Config {
	if i.NATSURL != "" {
		return bus.Config{URL: i.NATSURL, Credentials: i.NATSCreds, Log: i.Log}
	}
	return bus.Config{DataDir: i.Dir.Path("nats"), Listen: i.NATSListen, Log: i.Log}
}

// run starts the parts in the order in which they need each other; the first to end stops all.
func (i *instance) run(ctx context.Context) error {
	g, err := i.newGateway(ctx)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return part("gateway", g.Run(ctx)) })
	group.Go(func() error { return i.start(ctx, group, g) })
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
