package ipvs

import (
	"fmt"
	"net/netip"
	"time"

	vs "github.com/moby/ipvs"
	"golang.org/x/sys/unix"

	"taffrail.dev/nodeagent/proxy"
	"taffrail.dev/nodeagent/proxy/conntrack"
)

// virtual is a virtual server as the kernel has it.
type virtual struct {
	scheduler string
	affinity  time.Duration
	weights   map[netip.AddrPort]int // by backend; 0: draining
}

// persistent is IP_VS_SVC_F_PERSISTENT.
const persistent = 1

// expand is the frontend at each address it has: a node port is at all of the node's.
func expand(f proxy.Frontend, own []netip.Addr) []proxy.Frontend {
	if f.Addr.IsValid() {
		return []proxy.Frontend{f}
	}
	all := make([]proxy.Frontend, 0, len(own))
	for _, addr := range own {
		f.Addr = addr
		all = append(all, f)
	}
	return all
}

// load reads the virtual servers that the kernel has.
func (d *Dataplane) load() error {
	services, err := d.kernel.GetServices()
	if err != nil {
		return fmt.Errorf("ipvs services: %w", err)
	}
	for _, service := range services {
		addr, ok := netip.AddrFromSlice(service.Address)
		if !ok || service.AddressFamily != unix.AF_INET {
			continue
		}
		has := &virtual{scheduler: service.SchedName, weights: map[netip.AddrPort]int{}}
		if service.Flags&persistent != 0 {
			has.affinity = time.Duration(service.Timeout) * time.Second
		}
		destinations, err := d.kernel.GetDestinations(service)
		if err != nil {
			return fmt.Errorf("ipvs destinations: %w", err)
		}
		at := proxy.Frontend{Protocol: uint8(service.Protocol), Addr: addr.Unmap(), Port: service.Port}
		for _, destination := range destinations {
			if addr, ok := netip.AddrFromSlice(destination.Address); ok {
				backend := netip.AddrPortFrom(addr.Unmap(), destination.Port)
				has.weights[backend] = destination.Weight
				if destination.Weight == 0 {
					d.draining[drained{at, backend}] = time.Now().Add(d.config.Drain)
				}
			}
		}
		d.virtual[at] = has
	}
	return nil
}

// serve makes the kernel serve a server at each of its addresses.
func (d *Dataplane) serve(server proxy.Server, own []netip.Addr, stale *conntrack.Stale) error {
	for _, at := range expand(server.Frontend, own) {
		if err := d.ensure(at, server); err != nil {
			return err
		}
		if err := d.share(at, server.Backends, stale); err != nil {
			return err
		}
		if server.Addr.IsValid() {
			if err := d.bind(at.Addr, own); err != nil {
				return err
			}
		}
	}
	return nil
}

// ensure makes the virtual server, without touching its backends.
func (d *Dataplane) ensure(at proxy.Frontend, server proxy.Server) error {
	has := d.virtual[at]
	service := serviceOf(at)
	service.SchedName = d.config.Scheduler
	if server.Affinity > 0 {
		service.Flags, service.Timeout = persistent, uint32(max(1, server.Affinity/time.Second))
	}
	switch {
	case has == nil:
		if err := d.kernel.NewService(service); err != nil {
			return fmt.Errorf("new service: %w", err)
		}
		has = &virtual{weights: map[netip.AddrPort]int{}}
		d.virtual[at] = has
	case has.scheduler != service.SchedName || has.affinity != server.Affinity:
		if err := d.kernel.UpdateService(service); err != nil {
			return fmt.Errorf("update service: %w", err)
		}
	}
	has.scheduler, has.affinity = service.SchedName, server.Affinity
	return nil
}

// share makes these the backends. Others take no new connection from then on: they drain.
func (d *Dataplane) share(at proxy.Frontend, backends []proxy.Backend, stale *conntrack.Stale) error {
	has, service := d.virtual[at], serviceOf(at)
	wanted := make(map[netip.AddrPort]bool, len(backends))
	if len(has.weights) == 0 {
		stale.Frontend(at)
	}
	for _, backend := range backends {
		wanted[backend.AddrPort] = true
		weight, there := has.weights[backend.AddrPort]
		var err error
		if !there {
			err = d.kernel.NewDestination(service, destinationOf(backend.AddrPort, 1))
		} else if weight == 0 {
			err = d.kernel.UpdateDestination(service, destinationOf(backend.AddrPort, 1))
		}
		if err != nil {
			return fmt.Errorf("backend %s: %w", backend.AddrPort, err)
		}
		has.weights[backend.AddrPort] = 1
		delete(d.draining, drained{at, backend.AddrPort})
	}
	for backend, weight := range has.weights {
		if wanted[backend] || weight == 0 {
			continue
		}
		if err := d.takeOut(at, backend, stale); err != nil {
			return fmt.Errorf("backend %s: %w", backend, err)
		}
	}
	return nil
}

// takeOut ends new connections to a backend; datagrams have no end to wait for.
func (d *Dataplane) takeOut(at proxy.Frontend, backend netip.AddrPort, stale *conntrack.Stale) error {
	if at.Protocol == proxy.UDP {
		stale.Backend(at, backend)
		delete(d.virtual[at].weights, backend)
		return d.kernel.DelDestination(serviceOf(at), destinationOf(backend, 0))
	}
	d.virtual[at].weights[backend] = 0
	d.draining[drained{at, backend}] = time.Now().Add(d.config.Drain)
	return d.kernel.UpdateDestination(serviceOf(at), destinationOf(backend, 0))
}

// withdraw ends a virtual server, connections included.
func (d *Dataplane) withdraw(at proxy.Frontend, stale *conntrack.Stale) error {
	has := d.virtual[at]
	if has == nil {
		return nil
	}
	if err := d.kernel.DelService(serviceOf(at)); err != nil {
		return fmt.Errorf("delete service: %w", err)
	}
	for backend := range has.weights {
		stale.Backend(at, backend)
		delete(d.draining, drained{at, backend})
	}
	delete(d.virtual, at)
	return nil
}

func serviceOf(at proxy.Frontend) *vs.Service {
	return &vs.Service{
		Address: at.Addr.AsSlice(), Protocol: uint16(at.Protocol), Port: at.Port,
		AddressFamily: unix.AF_INET, Netmask: 0xffffffff,
	}
}

func destinationOf(backend netip.AddrPort, weight int) *vs.Destination {
	return &vs.Destination{
		Address: backend.Addr().AsSlice(), Port: backend.Port(), Weight: weight,
		AddressFamily: unix.AF_INET, ConnectionFlags: vs.ConnFwdMasq,
	}
}
