package nft

import (
	"encoding/binary"
	"net/netip"

	"github.com/google/nftables"
)

// The types of keys and values; each of their fields takes four bytes, as registers do.
var (
	// AddrPair is two addresses.
	AddrPair = nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeIPAddr)
	// AddrPort is an address and a port.
	AddrPort = nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeInetService)
	// AddrProtoPort is an address, a protocol and a port.
	AddrProtoPort = nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeInetProto, nftables.TypeInetService)
)

// Key appends an address, a protocol number and a port as a key of AddrProtoPort.
func Key(key []byte, addr netip.Addr, protocol uint8, port uint16) []byte {
	key = Addr(key, addr)
	key = append(key, protocol, 0, 0, 0)
	return Port(key, port)
}

// Addr appends an IPv4 address; the zero value is 0.0.0.0.
func Addr(key []byte, addr netip.Addr) []byte {
	if !addr.IsValid() {
		return append(key, 0, 0, 0, 0)
	}
	four := addr.As4()
	return append(key, four[:]...)
}

// Port appends a port and its padding.
func Port(key []byte, port uint16) []byte {
	return append(binary.BigEndian.AppendUint16(key, port), 0, 0)
}

// ParseAddr reads the address at the key's start.
func ParseAddr(key []byte) netip.Addr { return netip.AddrFrom4([4]byte(key[:4])) }

// ParsePort reads the port at the key's start.
func ParsePort(key []byte) uint16 { return binary.BigEndian.Uint16(key) }
