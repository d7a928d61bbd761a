// Package cluster assembles a whole cluster in one process: the journal, the gateway, the
// services and this machine as a node.
package cluster

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"

	"go.uber.org/zap"

	"taffrail.dev/ops/taffrail/datadir"
	"taffrail.dev/ops/taffrail/progress"
)

// The cluster's address ranges and names.
var (
	podRange     = netip.MustParsePrefix("10.42.0.0/16")
	serviceRange = netip.MustParsePrefix("10.43.0.0/16")
	apiAddress   = netip.MustParseAddr("10.43.0.1")
	dnsAddress   = netip.MustParseAddr("10.43.0.10")
)

const (
	clusterDomain = "cluster.local"
	// dnsPort is where the name server listens on this machine.
	dnsPort = 10053
)

// Config is what an instance goes by.
type Config struct {
	Dir datadir.Dir
	// HTTPSPort is the gateway's; HTTPPort serves the same without TLS on loopback, 0 for none.
	HTTPSPort, HTTPPort int
	// NATSURL and NATSCreds name a journal elsewhere, NATSListen opens the embedded one to others.
	NATSURL, NATSCreds, NATSListen string
	// Node runs pods on this machine, NodeName and NodeIP are how it is known; empty are
	// its host name and address.
	Node             bool
	NodeName, NodeIP string
	// RegistryConfig names mirrors and credentials; empty for none.
	RegistryConfig string

	Log      *zap.Logger
	Progress *progress.Log
	// Ready is called once, when everything is.
	Ready func()
}

// host is this machine as the cluster knows it.
type host struct {
	name    string
	address netip.Addr
}

func (c *Config) complete() (host, error) {
	var h host
	for name, port := range map[string]int{"--https-port": c.HTTPSPort, "--http-port": c.HTTPPort} {
		if port < 0 || port > 65535 {
			return h, fmt.Errorf("%s %d: a port is between 0 and 65535", name, port)
		}
	}
	if c.NATSURL != "" && c.NATSListen != "" {
		return h, errors.New("--nats-listen is for the embedded server: leave it or --nats-url out")
	}
	if c.NATSCreds != "" && c.NATSURL == "" {
		return h, errors.New("--nats-creds is for another server: name it with --nats-url")
	}
	if c.Node && os.Geteuid() != 0 {
		return h, errors.New("running pods needs root: use --no-node for the control plane alone")
	}
	h.name = c.NodeName
	if h.name == "" {
		name, err := os.Hostname()
		if err != nil {
			return h, err
		}
		h.name = strings.ToLower(name)
	}
	return h, c.completeAddress(&h)
}

func (c *Config) completeAddress(h *host) (err error) {
	if c.NodeIP != "" {
		if h.address, err = netip.ParseAddr(c.NodeIP); err != nil {
			return fmt.Errorf("--node-ip: %w", err)
		}
		return nil
	}
	h.address, err = hostAddress()
	if err != nil && !c.Node {
		h.address, err = netip.AddrFrom4([4]byte{127, 0, 0, 1}), nil
	}
	return err
}
