// Package conntrack forgets the kernel's memory of datagram flows whose backend is gone: no
// packet would end them while the client keeps sending.
package conntrack

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"taffrail.dev/nodeagent/network/netns"
	"taffrail.dev/nodeagent/proxy"
)

// Stale collects flows to forget. The zero value has none.
type Stale struct {
	backends  map[flow]bool
	frontends map[proxy.Frontend]bool
}

type flow struct {
	frontend proxy.Frontend
	backend  netip.AddrPort
}

// Backend adds the flows from the frontend to a backend; streams are left to end by themselves.
func (s *Stale) Backend(frontend proxy.Frontend, backend netip.AddrPort) {
	if frontend.Protocol != proxy.UDP {
		return
	}
	if s.backends == nil {
		s.backends = map[flow]bool{}
	}
	s.backends[flow{frontend, backend}] = true
}

// Frontend adds all flows to the frontend: there was nobody behind it until now.
func (s *Stale) Frontend(frontend proxy.Frontend) {
	if frontend.Protocol != proxy.UDP {
		return
	}
	if s.frontends == nil {
		s.frontends = map[proxy.Frontend]bool{}
	}
	s.frontends[frontend] = true
}

// Forget removes the flows from the kernel of the namespace at path.
func (s *Stale) Forget(path string) error {
	if len(s.backends) == 0 && len(s.frontends) == 0 {
		return nil
	}
	return netns.Do(path, func() error {
		_, err := netlink.ConntrackDeleteFilters(netlink.ConntrackTable, unix.AF_INET, s)
		if err != nil {
			return fmt.Errorf("conntrack: %w", err)
		}
		return nil
	})
}

// MatchConntrackFlow says whether a flow is to be forgotten. Those to a node port may have
// gone to any address.
func (s *Stale) MatchConntrackFlow(f *netlink.ConntrackFlow) bool {
	to, ok := netip.AddrFromSlice(f.Forward.DstIP)
	from, okToo := netip.AddrFromSlice(f.Reverse.SrcIP)
	if !ok || !okToo || f.Forward.Protocol != proxy.UDP {
		return false
	}
	backend := netip.AddrPortFrom(from.Unmap(), f.Reverse.SrcPort)
	for _, addr := range []netip.Addr{to.Unmap(), {}} {
		frontend := proxy.Frontend{Protocol: proxy.UDP, Addr: addr, Port: f.Forward.DstPort}
		if s.frontends[frontend] || s.backends[flow{frontend, backend}] {
			return true
		}
	}
	return false
}
