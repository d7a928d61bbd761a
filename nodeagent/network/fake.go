package network

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
)

// Fake connects nothing: it gives out addresses of 10.244.0.0/24 and remembers to whom.
// The zero value is ready.
type Fake struct {
	mu        sync.Mutex
	addresses map[string]netip.Addr
	ports     map[HostPort]string
}

var _ Network = (*Fake)(nil)

// Setup implements Network.
func (f *Fake) Setup(ctx context.Context, s Sandbox) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	gateway := netip.MustParseAddr("10.244.0.1")
	addr, ok := f.addresses[s.SandboxID]
	if !ok {
		taken := map[netip.Addr]bool{}
		for _, a := range f.addresses {
			taken[a] = true
		}
		for addr = gateway.Next(); taken[addr]; addr = addr.Next() {
		}
	}
	for _, port := range s.HostPorts {
		port.ContainerPort = 0
		if holder := f.ports[port]; holder != "" && holder != s.SandboxID {
			return Result{}, fmt.Errorf("host port %s/%d is taken by sandbox %s", port.Protocol, port.HostPort, holder)
		}
	}
	if f.addresses == nil {
		f.addresses, f.ports = map[string]netip.Addr{}, map[HostPort]string{}
	}
	f.addresses[s.SandboxID] = addr
	for _, port := range s.HostPorts {
		port.ContainerPort = 0
		f.ports[port] = s.SandboxID
	}
	return Result{IPs: []netip.Addr{addr}, Gateway: gateway, Interface: interfaceIn}, nil
}

// Teardown implements Network.
func (f *Fake) Teardown(ctx context.Context, s Sandbox) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forget(s.SandboxID)
	return ctx.Err()
}

// Prune implements Network.
func (f *Fake) Prune(ctx context.Context, live map[string]bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id := range f.addresses {
		if !live[id] {
			f.forget(id)
		}
	}
	return ctx.Err()
}

func (f *Fake) forget(id string) {
	delete(f.addresses, id)
	for port, holder := range f.ports {
		if holder == id {
			delete(f.ports, port)
		}
	}
}
