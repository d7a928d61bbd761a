package network

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"taffrail.dev/nodeagent/network/nft"
)

// hostPorts are the node's ports that lead to a pod. The kernel's map is the truth across
// restarts: an element's comment names the sandbox.
type hostPorts struct {
	conn          *nftables.Conn
	open, hairpin *nftables.Set

	mu     sync.Mutex
	held   map[string][]nftables.SetElement
	holder map[string]string
}

// newHostPorts describes the map of open ports (address, 0.0.0.0 for any, protocol, port to
// pod address and port) and the set of pods that may call themselves through them.
func newHostPorts(conn *nftables.Conn, table *nftables.Table) *hostPorts {
	return &hostPorts{
		conn:    conn,
		open:    &nftables.Set{Table: table, ID: 1, Name: "host-ports", IsMap: true, Concatenation: true, KeyType: nft.AddrProtoPort, DataType: nft.AddrPort},
		hairpin: &nftables.Set{Table: table, ID: 2, Name: "hairpin", Concatenation: true, KeyType: nft.AddrPair},
		held:    map[string][]nftables.SetElement{}, holder: map[string]string{},
	}
}

// load reads the ports that are open.
func (p *hostPorts) load() error {
	elements, err := p.conn.GetSetElements(p.open)
	if err != nil {
		return fmt.Errorf("host ports: %w", err)
	}
	for _, element := range elements {
		p.held[element.Comment] = append(p.held[element.Comment], element)
		p.holder[string(element.Key)] = element.Comment
	}
	return nil
}

// add opens the sandbox's ports to its address; all or none. Those it holds already stay.
func (p *hostPorts) add(s Sandbox, addr netip.Addr) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var elements []nftables.SetElement
	for _, port := range s.HostPorts {
		element, err := p.element(s.SandboxID, port, addr)
		if err != nil {
			return err
		}
		switch p.holder[string(element.Key)] {
		case "":
			elements = append(elements, element)
		case s.SandboxID:
		default:
			return fmt.Errorf("host port %s/%d is taken by sandbox %s", port.Protocol, port.HostPort, p.holder[string(element.Key)])
		}
	}
	if len(elements) == 0 {
		return nil
	}
	err := errors.Join(p.conn.SetAddElements(p.open, elements), p.conn.SetAddElements(p.hairpin, self(addr)), p.conn.Flush())
	if err != nil {
		return fmt.Errorf("host ports: %w", err)
	}
	for _, element := range elements {
		p.holder[string(element.Key)] = s.SandboxID
	}
	p.held[s.SandboxID] = append(p.held[s.SandboxID], elements...)
	return nil
}

// remove closes the sandbox's ports.
func (p *hostPorts) remove(id string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	elements := p.held[id]
	if len(elements) == 0 {
		return nil
	}
	err := errors.Join(
		p.conn.SetDeleteElements(p.open, elements),
		p.conn.SetDeleteElements(p.hairpin, self(nft.ParseAddr(elements[0].Val))),
		p.conn.Flush())
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("host ports: %w", err)
	}
	for _, element := range elements {
		delete(p.holder, string(element.Key))
	}
	delete(p.held, id)
	return nil
}

// sandboxes lists who holds ports.
func (p *hostPorts) sandboxes() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	ids := make([]string, 0, len(p.held))
	for id := range p.held {
		ids = append(ids, id)
	}
	return ids
}

func (p *hostPorts) element(id string, port HostPort, addr netip.Addr) (nftables.SetElement, error) {
	protocol, ok := map[string]uint8{"tcp": unix.IPPROTO_TCP, "udp": unix.IPPROTO_UDP, "sctp": unix.IPPROTO_SCTP}[port.Protocol]
	if !ok || port.HostIP.IsValid() && !port.HostIP.Is4() {
		return nftables.SetElement{}, fmt.Errorf("host port %s/%d at %q: want tcp, udp or sctp, and IPv4", port.Protocol, port.HostPort, port.HostIP)
	}
	return nftables.SetElement{
		Key:     nft.Key(nil, port.HostIP, protocol, port.HostPort),
		Val:     nft.Port(nft.Addr(nil, addr), port.ContainerPort),
		Comment: id,
	}, nil
}

// self is the pair of an address with itself.
func self(addr netip.Addr) []nftables.SetElement {
	return []nftables.SetElement{{Key: nft.Addr(nft.Addr(nil, addr), addr)}}
}

func mustPrefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }
