// Package dataplane chooses the dataplane that a node's kernel can be.
package dataplane

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"taffrail.dev/nodeagent/proxy"
	"taffrail.dev/nodeagent/proxy/ipvs"
	"taffrail.dev/nodeagent/proxy/nftables"
)

// Config is what a dataplane of either kind needs.
type Config struct {
	// Mode is "ipvs" or "nftables"; empty means IPVS where the kernel has it, else nftables.
	Mode string
	// Pods is the cluster's pod network.
	Pods netip.Prefix
	// HostNS is the path of the namespace to serve in; empty means the process's own.
	HostNS string
	// Scheduler is IPVS's; empty means "rr".
	Scheduler string
}

// Choose returns a dataplane, and its mode to tell people. It only looks at the kernel.
func Choose(config Config) (proxy.Dataplane, string, error) {
	probeIPVS, probeNFT := ipvs.Probe(config.HostNS), nftables.Probe(config.HostNS)
	switch {
	case config.Mode != "" && config.Mode != "ipvs" && config.Mode != "nftables":
		return nil, "", fmt.Errorf("proxy mode %q: want ipvs or nftables", config.Mode)
	case config.Mode != "nftables" && probeIPVS == nil:
		return config.ipvs(), "ipvs", nil
	case config.Mode == "ipvs":
		return nil, "", probeIPVS
	case probeNFT == nil:
		return config.nftables(), "nftables", nil
	}
	return nil, "", fmt.Errorf("the kernel can proxy neither way: %w", errors.Join(probeIPVS, probeNFT))
}

// Cleanup removes what dataplanes of either kind have left in the kernel.
func Cleanup(ctx context.Context, config Config) error {
	var errs []error
	if ipvs.Probe(config.HostNS) == nil {
		errs = append(errs, config.ipvs().Cleanup(ctx))
	}
	if nftables.Probe(config.HostNS) == nil {
		errs = append(errs, config.nftables().Cleanup(ctx))
	}
	return errors.Join(errs...)
}

func (c Config) ipvs() proxy.Dataplane {
	return ipvs.New(ipvs.Config{Pods: c.Pods, HostNS: c.HostNS, Scheduler: c.Scheduler})
}

func (c Config) nftables() proxy.Dataplane {
	return nftables.New(nftables.Config{Pods: c.Pods, HostNS: c.HostNS})
}
