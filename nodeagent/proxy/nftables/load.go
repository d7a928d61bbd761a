package nftables

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"taffrail.dev/nodeagent/network/nft"
	"taffrail.dev/nodeagent/proxy"
)

// load reads what an earlier process told the kernel. Which backends are local is not
// among it: hairpin pairs count as nobody's until an update claims them.
func (d *Dataplane) load() error {
	for _, part := range []struct {
		set  *nftables.Set
		read func(nftables.SetElement)
	}{
		{d.layout.services, d.loadService},
		{d.layout.refused, d.loadRefused},
		{d.layout.backends, d.loadBackend},
		{d.layout.hairpin, func(e nftables.SetElement) { d.hairpin[nft.ParseAddr(e.Key)] = map[proxy.Frontend]bool{} }},
	} {
		elements, err := d.conn.GetSetElements(part.set)
		if err != nil {
			return fmt.Errorf("nftables set %s: %w", part.set.Name, err)
		}
		for _, element := range elements {
			part.read(element)
		}
	}
	return nil
}

func (d *Dataplane) loadService(element nftables.SetElement) {
	if p, ok := parsePick(verdictChain(element.Val)); ok {
		d.served[parseFrontend(element.Key)] = &served{pick: p, slots: make([]netip.AddrPort, p.backends)}
	}
}

func (d *Dataplane) loadRefused(element nftables.SetElement) {
	d.refused[parseFrontend(element.Key)] = verdictChain(element.Val) == ""
}

func (d *Dataplane) loadBackend(element nftables.SetElement) {
	s := d.served[parseFrontend(element.Key)]
	slot := int(binary.NativeEndian.Uint32(element.Key[12:16]))
	if s != nil && slot < len(s.slots) {
		s.slots[slot] = netip.AddrPortFrom(nft.ParseAddr(element.Val), nft.ParsePort(element.Val[4:]))
	}
}

func parseFrontend(key []byte) proxy.Frontend {
	f := proxy.Frontend{Protocol: key[4], Port: nft.ParsePort(key[8:])}
	if addr := nft.ParseAddr(key); !addr.IsUnspecified() {
		f.Addr = addr
	}
	return f
}

// verdictChain reads the chain of a verdict's attributes; "" if it has none.
func verdictChain(attributes []byte) string {
	decoder, err := netlink.NewAttributeDecoder(attributes)
	if err != nil {
		return ""
	}
	for decoder.Next() {
		if decoder.Type() == unix.NFTA_VERDICT_CHAIN {
			return strings.TrimRight(string(decoder.Bytes()), "\x00")
		}
	}
	return ""
}
