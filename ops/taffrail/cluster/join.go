package cluster

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"taffrail.dev/events/bus"
	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/access/pki"
	"taffrail.dev/ops/taffrail/datadir"
	"taffrail.dev/ops/taffrail/memory"
	"taffrail.dev/services/certificates"
	"taffrail.dev/services/registry"
)

// remote is the bus that the configuration names.
func remote(c *Config) (bus.Config, error) {
	out := bus.Config{URL: c.NATSURL, Credentials: c.NATSCreds, Replicas: c.NATSReplicas, Log: c.Log}
	if c.NATSCA == "" {
		return out, nil
	}
	authority, err := os.ReadFile(c.NATSCA)
	if err != nil {
		return out, fmt.Errorf("--nats-ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authority) {
		return out, fmt.Errorf("--nats-ca: no certificate in %s", c.NATSCA)
	}
	out.ClientTLS = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}
	return out, nil
}

// join is an instance on a bus that a gateway has set up.
func join(ctx context.Context, c Config, h host) (*instance, error) {
	b, err := remote(&c)
	if err != nil {
		return nil, err
	}
	b.Join = true
	i := &instance{Config: c, host: h, keys: &pki.Set{}, metrics: prometheus.NewRegistry()}
	i.bus, err = bus.Open(ctx, b)
	return i, err
}

// admitted checks that the credentials are the role's: with another's, answers would be waited for in vain.
func (i *instance) admitted(r bus.Role) error {
	nc, err := i.bus.Conn(r)
	if err != nil {
		return err
	}
	probe, err := nc.SubscribeSync(subject.Inbox(r.Actor...) + ".probe")
	if err != nil {
		return err
	}
	// The server answers in order: a refusal comes before the flush's end.
	if err := nc.Flush(); err != nil {
		return err
	}
	if err := nc.LastError(); errors.Is(err, nats.ErrPermissionViolation) {
		return fmt.Errorf("--nats-creds %s: these are not the credentials of %s", i.NATSCreds, r.Name())
	}
	return probe.Unsubscribe()
}

// ServiceConfig is what one service goes by, beside what all do.
type ServiceConfig struct {
	// Name is the service's.
	Name string
	// Authority is the file of the cluster's authority, for the service that vouches for it.
	Authority string
	// SigningCert and SigningKey are the files of the authority that signs, for the service that does.
	SigningCert, SigningKey string
	// Listen is the address, host:port, of the service that listens; empty is this machine's.
	Listen string
}

// RunService runs one service on a journal elsewhere. Several of a kind may run.
func RunService(ctx context.Context, c Config, s ServiceConfig) error {
	i, err := join(ctx, c, host{})
	if err != nil {
		return err
	}
	defer i.bus.Close()
	service, err := i.service(s)
	if err != nil {
		return err
	}
	if err := i.admitted(role(service)); err != nil {
		return err
	}
	feed, err := i.feed(ctx, role(service), service.Spec.Reads)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return memory.Run(ctx) })
	health, err := i.serveHealth(ctx, group)
	if err != nil {
		return err
	}
	ready := make(chan struct{}, 1)
	group.Go(func() error { return part("feed", feed.Run(ctx)) })
	if err := i.startService(ctx, group, service, feed, ready); err != nil {
		return err
	}
	group.Go(func() error {
		select {
		case <-ready:
			i.Log.Info("ready", zap.String("service", s.Name))
			health.ready()
			i.ready()
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	return ended(group)
}

// service is the one named, with what it needs.
func (i *instance) service(s ServiceConfig) (registry.Service, error) {
	c := registry.Config{Pods: podRange, Resources: resources()}
	find := func() registry.Service {
		all := registry.All(c)
		if k := slices.IndexFunc(all, func(o registry.Service) bool { return o.Spec.Name == s.Name }); k >= 0 {
			return all[k]
		}
		return registry.Service{}
	}
	declared := find()
	var err error
	switch {
	case declared.Run == nil:
		err = fmt.Errorf("there is no service %q", s.Name)
	case declared.Assigns:
		err = i.assigning(&c, declared)
	case declared.Vouches:
		if c.Authority, err = os.ReadFile(s.Authority); err != nil {
			err = fmt.Errorf("--ca-file: %w", err)
		}
	case declared.Signs:
		c.Signing, err = signing(s)
	case declared.Listens:
		err = i.listening(&c, s.Listen)
	}
	return find(), err
}

// signing is the authority of the files, which may be one.
func signing(s ServiceConfig) (*certificates.Authority, error) {
	pair, err := tls.LoadX509KeyPair(s.SigningCert, s.SigningKey)
	if err != nil {
		return nil, fmt.Errorf("--cluster-signing-cert-file, --cluster-signing-key-file: %w", err)
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok || !pair.Leaf.IsCA {
		return nil, fmt.Errorf("--cluster-signing-cert-file %s: no authority", s.SigningCert)
	}
	return &certificates.Authority{Certificate: pair.Leaf, Key: key}, nil
}

func (i *instance) listening(c *registry.Config, listen string) error {
	if listen == "" {
		address, err := hostAddress()
		if err != nil {
			return errors.New("this machine has no address but loopback: name one with --listen")
		}
		listen = netip.AddrPortFrom(address, dnsPort).String()
	}
	i.naming(c, listen)
	return nil
}

// RunNode runs this machine as a node of a cluster elsewhere. PKI holds no more than the authority's
// certificate and the node's own.
func RunNode(ctx context.Context, c Config) error {
	c.Node = true
	h, err := c.complete()
	if err != nil {
		return err
	}
	lease, err := datadir.Acquire(c.Dir)
	if err != nil {
		return err
	}
	defer lease.Release()
	authority, serving, err := pki.ReadNode(c.PKI, h.name)
	if err != nil {
		return err
	}
	self := identity{serving.TLS(), authority}
	i, err := join(ctx, c, h)
	if err != nil {
		return err
	}
	defer i.bus.Close()
	if err := i.admitted(bus.Node(i.name)); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return memory.Run(ctx) })
	health, err := i.serveHealth(ctx, group)
	if err != nil {
		return err
	}
	group.Go(func() error {
		if err := i.startNode(ctx, group, self); err != nil {
			return err
		}
		i.Progress.Done("node up")
		health.ready()
		i.ready()
		return nil
	})
	return ended(group)
}
