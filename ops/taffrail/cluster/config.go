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
	// NATSURL, NATSCreds and NATSCA name a journal elsewhere, how to be let in, and who vouches for it;
	// NATSListen opens the embedded one to others.
	NATSURL, NATSCreds, NATSCA, NATSListen string
	// NATSReplicas is how many servers of NATSURL keep each stream: 1, 3 or 5; 0 is 1.
	NATSReplicas int
	// PKI is the folder of keys and certificates; empty is that of Dir.
	PKI string
	// BootstrapTokens has the gateway accept them.
	BootstrapTokens bool
	// Node runs pods on this machine, NodeName and NodeIP are how it is known; empty are
	// its host name and address.
	Node             bool
	NodeName, NodeIP string
	// NameServer is the address, host:port, of the cluster's name server; empty is this node's own.
	NameServer string
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
	// names is where the cluster's name server answers.
	names netip.AddrPort
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
	if (c.NATSCreds != "" || c.NATSCA != "") && c.NATSURL == "" {
		return h, errors.New("--nats-creds and --nats-ca are for another server: name it with --nats-url")
	}
	if err := c.completeReplicas(); err != nil {
		return h, err
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
	if c.PKI == "" {
		c.PKI = c.Dir.PKI()
	}
	return h, c.completeAddress(&h)
}

func (c *Config) completeReplicas() error {
	if c.NATSReplicas == 0 {
		c.NATSReplicas = 1
	}
	switch {
	case c.NATSReplicas != 1 && c.NATSReplicas != 3 && c.NATSReplicas != 5:
		return fmt.Errorf("--nats-replicas %d: a stream is kept by 1, 3 or 5 servers", c.NATSReplicas)
	case c.NATSReplicas > 1 && c.NATSURL == "":
		return errors.New("--nats-replicas is for a cluster of servers: name them with --nats-url")
	}
	return nil
}

// replicated says that each stream is kept by several servers.
func (c *Config) replicated() bool { return c.NATSReplicas > 1 }

func (c *Config) completeAddress(h *host) (err error) {
	if c.NodeIP != "" {
		if h.address, err = netip.ParseAddr(c.NodeIP); err != nil {
			return fmt.Errorf("--node-ip: %w", err)
		}
	} else if h.address, err = hostAddress(); err != nil {
		if c.Node {
			return err
		}
		h.address = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	h.names = netip.AddrPortFrom(h.address, dnsPort)
	if c.NameServer != "" {
		if h.names, err = netip.ParseAddrPort(c.NameServer); err != nil {
			return fmt.Errorf("--name-server: %w", err)
		}
	}
	return nil
}
