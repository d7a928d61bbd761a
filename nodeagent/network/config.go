package network

import (
	"errors"
	"net/netip"

	"go.uber.org/zap"
)

// Config is how a node's pods are connected.
type Config struct {
	// Dir keeps what must survive a restart: addresses taken, the CNI configuration and cache.
	Dir string
	// PluginDir holds the CNI plugins; only CNI needs it.
	PluginDir string
	// PodCIDR is the node's share of the pod network, IPv4. Its first address is the bridge's.
	PodCIDR netip.Prefix
	// ClusterCIDR is the whole pod network; pods reach it with their own address.
	// Zero means PodCIDR.
	ClusterCIDR netip.Prefix
	// ServiceCIDR, when it is set and the node has no route there, not even a default one, is routed to the
	// bridge: the node's own packets to service addresses have to be routable to meet the proxy's rules.
	ServiceCIDR netip.Prefix
	// Bridge is the bridge's name; empty means "taffrail0".
	Bridge string
	// MTU of the pods' interfaces, in bytes; 0 means 1500.
	MTU int
	// HostNS is the path of the namespace that is the host's network; empty means the process's own.
	HostNS string
	// Log may be nil.
	Log *zap.Logger
}

// complete fills in what zero values mean.
func (c Config) complete() (Config, error) {
	if c.Bridge == "" {
		c.Bridge = "taffrail0"
	}
	if !c.ClusterCIDR.IsValid() {
		c.ClusterCIDR = c.PodCIDR
	}
	if c.MTU == 0 {
		c.MTU = 1500
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	if c.Dir == "" || !c.PodCIDR.IsValid() || !c.PodCIDR.Addr().Is4() || c.PodCIDR.Bits() > 30 {
		return c, errors.New("the pod network needs a directory and an IPv4 pod CIDR of at least four addresses")
	}
	c.PodCIDR = c.PodCIDR.Masked()
	return c, nil
}

// gateway is the bridge's address: the CIDR's first.
func (c Config) gateway() netip.Addr { return c.PodCIDR.Addr().Next() }
