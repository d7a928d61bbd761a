package ipvs

import (
	"fmt"
	"net/netip"

	"taffrail.dev/nodeagent/proxy"
)

// The sets, of address, protocol and port. The rules over them never change.
const (
	outsideSet = "taffrail-outside" // frontends that hide clients outside the pod network
	everySet   = "taffrail-every"   // frontends that hide every client
	dropSet    = "taffrail-drop"    // frontends that discard connections
	hairpinSet = "taffrail-hairpin" // local backends, which may be their own clients
	// masquerade is the packet mark's bit that asks for masquerading; Kubernetes's.
	masquerade = 0x4000
)

// setNames lists the sets.
var setNames = []string{outsideSet, everySet, dropSet, hairpinSet}

// member is an element of a set.
type member struct {
	set      string
	addr     netip.Addr
	protocol uint8
	port     uint16
}

// sets are the named sets in a kernel, and the rules over them.
type sets interface {
	// list reads all members.
	list() ([]member, error)
	// change adds and removes; adding what is there is no error.
	change(add, remove []member) error
	close() error
}

// memberships is what a server needs in the sets; the zero server needs nothing.
func memberships(s proxy.Server, own []netip.Addr) []member {
	if s.Protocol == 0 {
		return nil
	}
	var all []member
	for _, at := range expand(s.Frontend, own) {
		one := member{addr: at.Addr, protocol: at.Protocol, port: at.Port}
		switch s.Source {
		case proxy.MasqueradeOutside:
			one.set = outsideSet
			all = append(all, one)
		case proxy.MasqueradeAll:
			one.set = everySet
			all = append(all, one)
		}
		if s.Drop && len(s.Backends) == 0 {
			one.set = dropSet
			all = append(all, one)
		}
	}
	for _, backend := range s.Backends {
		if backend.Local {
			all = append(all, member{hairpinSet, backend.Addr(), s.Protocol, backend.Port()})
		}
	}
	return all
}

// membership counts who needs each member, and tells the kernel of the first and the last.
type membership struct {
	kernel      sets
	needed      map[member]int
	there       map[member]bool
	add, remove map[member]bool
}

// openMembership opens the kernel's sets: nftables's, or ipsets under iptables in a kernel
// whose nftables lacks IPv4.
func openMembership(config Config) (*membership, error) {
	kernel, err := openSets(config)
	if err != nil {
		return nil, err
	}
	m := &membership{kernel: kernel, needed: map[member]int{}, there: map[member]bool{}, add: map[member]bool{}, remove: map[member]bool{}}
	all, err := kernel.list()
	if err != nil {
		return nil, fmt.Errorf("sets: %w", err)
	}
	for _, one := range all {
		m.there[one] = true
	}
	return m, nil
}

// replace counts one server's needs instead of another's.
func (m *membership) replace(was, is []member) {
	for _, one := range is {
		if m.needed[one]++; !m.there[one] {
			m.add[one] = true
		}
		delete(m.remove, one)
	}
	for _, one := range was {
		if m.needed[one]--; m.needed[one] > 0 {
			continue
		}
		delete(m.needed, one)
		delete(m.add, one)
		if m.there[one] {
			m.remove[one] = true
		}
	}
}

// prune removes what nobody needs.
func (m *membership) prune() error {
	for one := range m.there {
		if m.needed[one] == 0 {
			m.remove[one] = true
		}
	}
	return m.flush()
}

func (m *membership) flush() error {
	if len(m.add)+len(m.remove) == 0 {
		return nil
	}
	add, remove := keys(m.add), keys(m.remove)
	if err := m.kernel.change(add, remove); err != nil {
		return fmt.Errorf("sets: %w", err)
	}
	for _, one := range add {
		m.there[one] = true
	}
	for _, one := range remove {
		delete(m.there, one)
	}
	clear(m.add)
	clear(m.remove)
	return nil
}

func keys(set map[member]bool) []member {
	all := make([]member, 0, len(set))
	for one := range set {
		all = append(all, one)
	}
	return all
}
