package nftables

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"taffrail.dev/nodeagent/network/nft"
	"taffrail.dev/nodeagent/proxy"
	"taffrail.dev/nodeagent/proxy/conntrack"
)

// update queues what changes for a server.
func (d *Dataplane) update(s proxy.Server, stale *conntrack.Stale) {
	if len(s.Backends) == 0 {
		d.withdraw(s.Frontend, stale)
		d.refuse(s.Frontend, s.Drop)
		return
	}
	d.unrefuse(s.Frontend)
	was := d.served[s.Frontend]
	if was == nil {
		stale.Frontend(s.Frontend)
		was = &served{}
	}
	is := &served{pick: pickOf(s), slots: reslot(was.slots, s.Backends), local: map[netip.Addr]bool{}}
	for _, backend := range s.Backends {
		if backend.Local {
			is.local[backend.Addr()] = true
		}
	}
	d.served[s.Frontend] = is
	d.change(s.Frontend, was, is)
	for _, backend := range was.slots {
		if !slices.Contains(is.slots, backend) {
			stale.Backend(s.Frontend, backend)
		}
	}
}

// withdraw queues the end of serving a frontend.
func (d *Dataplane) withdraw(frontend proxy.Frontend, stale *conntrack.Stale) {
	was := d.served[frontend]
	if was == nil {
		return
	}
	delete(d.served, frontend)
	d.change(frontend, was, &served{})
	for _, backend := range was.slots {
		stale.Backend(frontend, backend)
	}
}

// change queues the elements that differ; a served without slots is nothing.
func (d *Dataplane) change(frontend proxy.Frontend, was, is *served) {
	key := frontendKey(frontend)
	if was.pick != is.pick {
		if len(was.slots) > 0 {
			d.batch.del(d.layout.services, nftables.SetElement{Key: key})
		}
		if len(is.slots) > 0 {
			d.ensure(is.pick)
			d.batch.add(d.layout.services, gotoElement(key, is.pick.String()))
		}
	}
	for i := range max(len(was.slots), len(is.slots)) {
		had, has := i < len(was.slots) && was.slots[i].IsValid(), i < len(is.slots)
		if had && has && was.slots[i] == is.slots[i] {
			continue
		}
		if had {
			d.batch.del(d.layout.backends, nftables.SetElement{Key: slotKey(key, i)})
		}
		if has {
			d.batch.add(d.layout.backends, nftables.SetElement{Key: slotKey(key, i), Val: addrPort(nil, is.slots[i])})
		}
	}
	d.changeMembers(key, was, is)
	d.changeHairpin(frontend, was, is)
}

// changeMembers queues the members that differ; servers without affinity have none.
func (d *Dataplane) changeMembers(key []byte, was, is *served) {
	members := func(s *served) []netip.AddrPort {
		if s.pick.affinity == 0 {
			return nil
		}
		return s.slots
	}
	before, after := members(was), members(is)
	for _, backend := range before {
		if !slices.Contains(after, backend) {
			d.batch.del(d.layout.members, nftables.SetElement{Key: addrPort(slices.Clone(key), backend)})
		}
	}
	for _, backend := range after {
		if !slices.Contains(before, backend) {
			d.batch.add(d.layout.members, nftables.SetElement{Key: addrPort(slices.Clone(key), backend)})
		}
	}
}

// changeHairpin queues the pairs of local backends that nobody had or nobody has any more.
func (d *Dataplane) changeHairpin(frontend proxy.Frontend, was, is *served) {
	for addr := range is.local {
		if d.hairpin[addr] == nil {
			d.hairpin[addr] = map[proxy.Frontend]bool{}
			d.batch.add(d.layout.hairpin, pair(addr))
		}
		d.hairpin[addr][frontend] = true
	}
	for addr := range was.local {
		if is.local[addr] {
			continue
		}
		if delete(d.hairpin[addr], frontend); len(d.hairpin[addr]) == 0 {
			delete(d.hairpin, addr)
			d.batch.del(d.layout.hairpin, pair(addr))
		}
	}
}

// ensure queues a shared chain, unless the kernel has it.
func (d *Dataplane) ensure(p pick) {
	if !d.picks[p] {
		d.picks[p] = true
		d.layout.addPick(d.conn, p)
	}
}

func (d *Dataplane) refuse(frontend proxy.Frontend, drop bool) {
	if is, ok := d.refused[frontend]; ok && is == drop {
		return
	}
	d.unrefuse(frontend)
	d.refused[frontend] = drop
	element := gotoElement(frontendKey(frontend), "refuse")
	if drop {
		element.VerdictData = &expr.Verdict{Kind: expr.VerdictDrop}
	}
	d.batch.add(d.layout.refused, element)
}

func (d *Dataplane) unrefuse(frontend proxy.Frontend) {
	if _, ok := d.refused[frontend]; ok {
		delete(d.refused, frontend)
		d.batch.del(d.layout.refused, nftables.SetElement{Key: frontendKey(frontend)})
	}
}

// reslot numbers the backends so that as few as can be change their number.
func reslot(was []netip.AddrPort, backends []proxy.Backend) []netip.AddrPort {
	is := make([]netip.AddrPort, len(backends))
	placed := make(map[netip.AddrPort]bool, len(backends))
	wanted := make(map[netip.AddrPort]bool, len(backends))
	for _, backend := range backends {
		wanted[backend.AddrPort] = true
	}
	for i, backend := range was {
		if i < len(is) && wanted[backend] && !placed[backend] {
			is[i], placed[backend] = backend, true
		}
	}
	free := 0
	for _, backend := range backends {
		if placed[backend.AddrPort] {
			continue
		}
		for is[free].IsValid() {
			free++
		}
		is[free] = backend.AddrPort
	}
	return is
}

func frontendKey(f proxy.Frontend) []byte {
	return nft.Key(make([]byte, 0, 20), f.Addr, f.Protocol, f.Port)
}

// slotKey is a frontend's key and a number, which packets draw in the machine's byte order.
func slotKey(key []byte, slot int) []byte {
	return binary.NativeEndian.AppendUint32(slices.Clone(key), uint32(slot))
}

func addrPort(key []byte, a netip.AddrPort) []byte {
	return nft.Port(nft.Addr(key, a.Addr()), a.Port())
}

func pair(addr netip.Addr) nftables.SetElement {
	return nftables.SetElement{Key: nft.Addr(nft.Addr(nil, addr), addr)}
}

func gotoElement(key []byte, chain string) nftables.SetElement {
	return nftables.SetElement{Key: key, VerdictData: &expr.Verdict{Kind: expr.VerdictGoto, Chain: chain}}
}
