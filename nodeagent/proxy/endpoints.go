package proxy

import (
	"net/netip"
	"slices"

	discoveryv1 "k8s.io/api/discovery/v1"
)

// place is where this node is, which endpoints' hints and local policies refer to.
type place struct{ node, zone string }

// endpoint is an address of a service's port with what decides whether it is used.
type endpoint struct {
	backend            Backend
	ready, terminating bool // terminating: still serving on its way out
	nodes, zones       []string
}

// endpointsOf collects the endpoints of a service's port from its slices.
func endpointsOf(all []*discoveryv1.EndpointSlice, port string, here place) []endpoint {
	var found []endpoint
	for _, slice := range all {
		if slice.AddressType != discoveryv1.AddressTypeIPv4 {
			continue
		}
		for _, p := range slice.Ports {
			if p.Port == nil || *p.Port < 1 || *p.Port > 65535 || deref(p.Name, "") != port {
				continue
			}
			for i := range slice.Endpoints {
				found = appendEndpoint(found, &slice.Endpoints[i], uint16(*p.Port), here)
			}
		}
	}
	return found
}

func appendEndpoint(found []endpoint, e *discoveryv1.Endpoint, port uint16, here place) []endpoint {
	ready := deref(e.Conditions.Ready, true)
	serving := deref(e.Conditions.Serving, ready)
	one := endpoint{ready: ready, terminating: !ready && serving && deref(e.Conditions.Terminating, false)}
	if !one.ready && !one.terminating || len(e.Addresses) == 0 {
		return found
	}
	// Clients use the first address alone; the others were never given a meaning.
	addr, err := netip.ParseAddr(e.Addresses[0])
	if err != nil || !addr.Is4() {
		return found
	}
	one.backend = Backend{AddrPort: netip.AddrPortFrom(addr, port), Local: deref(e.NodeName, "") == here.node}
	if e.Hints != nil {
		for _, node := range e.Hints.ForNodes {
			one.nodes = append(one.nodes, node.Name)
		}
		for _, zone := range e.Hints.ForZones {
			one.zones = append(one.zones, zone.Name)
		}
	}
	return append(found, one)
}

// choose is the backends to use: the ready ones, or, when there are none, those that still
// serve while they terminate. Local ones only, if so wanted; otherwise as hints say.
func choose(all []endpoint, localOnly bool, here place) []Backend {
	usable := slices.DeleteFunc(slices.Clone(all), func(e endpoint) bool { return localOnly && !e.backend.Local })
	if slices.ContainsFunc(usable, func(e endpoint) bool { return e.ready }) {
		usable = slices.DeleteFunc(usable, func(e endpoint) bool { return !e.ready })
		if !localOnly {
			usable = hinted(usable, here)
		}
	}
	backends := make([]Backend, 0, len(usable))
	for _, e := range usable {
		backends = append(backends, e.backend)
	}
	slices.SortFunc(backends, func(a, b Backend) int { return a.AddrPort.Compare(b.AddrPort) })
	return slices.CompactFunc(backends, func(a, b Backend) bool { return a.AddrPort == b.AddrPort })
}

// hinted keeps the endpoints meant for this node, or else for its zone. Hints count only when
// every endpoint has one and some are for here: half-written hints would lose traffic.
func hinted(ready []endpoint, here place) []endpoint {
	for _, by := range []struct {
		here  string
		hints func(endpoint) []string
	}{
		{here.node, func(e endpoint) []string { return e.nodes }},
		{here.zone, func(e endpoint) []string { return e.zones }},
	} {
		complete := by.here != ""
		var meant []endpoint
		for _, e := range ready {
			hints := by.hints(e)
			complete = complete && len(hints) > 0
			if slices.Contains(hints, by.here) {
				meant = append(meant, e)
			}
		}
		if complete && len(meant) > 0 {
			return meant
		}
	}
	return ready
}

func deref[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}
