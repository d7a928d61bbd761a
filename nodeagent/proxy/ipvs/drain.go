package ipvs

import (
	"context"
	"net/netip"
	"time"

	"taffrail.dev/nodeagent/proxy"
)

// drained names a backend that takes no new connections.
type drained struct {
	at      proxy.Frontend
	backend netip.AddrPort
}

// reap removes drained backends as their connections end, until ctx does.
func (d *Dataplane) reap(ctx context.Context) {
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			d.reapOnce(now)
		}
	}
}

// reapOnce removes the drained backends that have no connection left, or had long enough.
// What cannot be removed now is tried again.
func (d *Dataplane) reapOnce(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	byServer := map[proxy.Frontend][]drained{}
	for one := range d.draining {
		byServer[one.at] = append(byServer[one.at], one)
	}
	for at, all := range byServer {
		destinations, err := d.kernel.GetDestinations(serviceOf(at))
		if err != nil {
			continue
		}
		busy := map[netip.AddrPort]bool{}
		for _, destination := range destinations {
			if addr, ok := netip.AddrFromSlice(destination.Address); ok {
				backend := netip.AddrPortFrom(addr.Unmap(), destination.Port)
				busy[backend] = destination.ActiveConnections+destination.InactiveConnections > 0
			}
		}
		for _, one := range all {
			if busy[one.backend] && now.Before(d.draining[one]) {
				continue
			}
			if d.kernel.DelDestination(serviceOf(at), destinationOf(one.backend, 0)) == nil {
				delete(d.draining, one)
				delete(d.virtual[at].weights, one.backend)
			}
		}
	}
}
