package proxy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// The IP protocols that services have.
const (
	TCP  uint8 = 6
	UDP  uint8 = 17
	SCTP uint8 = 132
)

// Frontend is what clients connect to.
type Frontend struct {
	Protocol uint8
	// Addr is the virtual address; the zero value means every address of the node: a node port.
	Addr netip.Addr
	Port uint16
}

// String is "tcp 10.96.0.1:443" or "udp *:30053".
func (f Frontend) String() string {
	addr := "*"
	if f.Addr.IsValid() {
		addr = f.Addr.String()
	}
	name, ok := map[uint8]string{TCP: "tcp", UDP: "udp", SCTP: "sctp"}[f.Protocol]
	if !ok {
		name = fmt.Sprint("protocol-", f.Protocol)
	}
	return fmt.Sprintf("%s %s:%d", name, addr, f.Port)
}

// compare orders frontends by address, port and protocol.
func (f Frontend) compare(g Frontend) int {
	if c := f.Addr.Compare(g.Addr); c != 0 {
		return c
	}
	return (int(f.Port)-int(g.Port))*256 + int(f.Protocol) - int(g.Protocol)
}

// Source is whose address backends see.
type Source uint8

const (
	// MasqueradeOutside hides clients that are not pods behind the node's address.
	MasqueradeOutside Source = iota
	// MasqueradeAll hides every client behind the node's address.
	MasqueradeAll
	// KeepSource shows backends the client's address.
	KeepSource
)

// String is the source's name in scenarios.
func (s Source) String() string {
	return [...]string{"masquerade-outside", "masquerade-all", "keep-source"}[s]
}

// Server is a virtual server: a frontend and the backends that share its connections.
type Server struct {
	Frontend
	// Service is "namespace/name:port", for people.
	Service string
	Source  Source
	// Affinity sends a client to the backend it had, until it has not come for so long; zero is none.
	Affinity time.Duration
	// Drop discards connections when there are no backends, for another node has some;
	// otherwise they are refused.
	Drop bool
	// Backends are sorted and distinct.
	Backends []Backend
}

// Backend is an endpoint of a service.
type Backend struct {
	netip.AddrPort
	// Local backends run on this node, and may be their own clients.
	Local bool
}

// String is the server on one line, as scenarios show it.
func (s Server) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s", s.Frontend, s.Service, s.Source)
	if s.Affinity > 0 {
		fmt.Fprintf(&b, " affinity=%s", s.Affinity)
	}
	if s.Drop {
		b.WriteString(" drop")
	}
	b.WriteString(" ->")
	for _, backend := range s.Backends {
		fmt.Fprintf(&b, " %s", backend.AddrPort)
		if backend.Local {
			b.WriteString("(local)")
		}
	}
	return b.String()
}

// equal says whether a dataplane would do the same for both.
func (s Server) equal(o Server) bool {
	return s.Frontend == o.Frontend && s.Source == o.Source && s.Affinity == o.Affinity &&
		s.Drop == o.Drop && slices.Equal(s.Backends, o.Backends)
}
