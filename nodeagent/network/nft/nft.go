// Package nft is a small vocabulary over google/nftables: a connection in a namespace, and
// the expressions that the pod network's and the proxy's rules are made of.
package nft

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"taffrail.dev/nodeagent/network/netns"
)

// buffer is the room for one transaction on the socket, in bytes; the kernel takes a
// transaction in one message or not at all.
const buffer = 32 << 20

// Open connects to nftables of the namespace at path; an empty path is the process's own.
func Open(path string) (conn *nftables.Conn, err error) {
	err = netns.Do(path, func() error {
		conn, err = nftables.New(nftables.AsLasting(), nftables.WithSockOptions(func(c *netlink.Conn) error {
			if err := c.SetWriteBuffer(buffer); err != nil {
				return err
			}
			return c.SetReadBuffer(buffer)
		}))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("nftables: %w", err)
	}
	return conn, nil
}

// Reg is the i-th 32-bit register; concatenated keys take consecutive ones.
func Reg(i uint32) uint32 { return unix.NFT_REG32_00 + i }

// Rule joins expressions.
func Rule(parts ...[]expr.Any) []expr.Any {
	var all []expr.Any
	for _, part := range parts {
		all = append(all, part...)
	}
	return all
}

// Source loads the packet's source address.
func Source(reg uint32) []expr.Any { return network(12, reg) }

// Destination loads the packet's destination address.
func Destination(reg uint32) []expr.Any { return network(16, reg) }

func network(offset, reg uint32) []expr.Any {
	return []expr.Any{&expr.Payload{DestRegister: reg, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: 4}}
}

// ProtocolAndPort loads the transport protocol and the destination port into two registers.
func ProtocolAndPort(reg uint32) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: reg},
		&expr.Payload{DestRegister: reg + 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
	}
}

// Immediate loads a constant.
func Immediate(reg uint32, data []byte) []expr.Any {
	return []expr.Any{&expr.Immediate{Register: reg, Data: data}}
}

// In goes on when the key at reg is in the set.
func In(set *nftables.Set, reg uint32) []expr.Any {
	return []expr.Any{&expr.Lookup{SourceRegister: reg, SetName: set.Name, SetID: set.ID}}
}

// Map replaces the registers at to by the map's value for the key at reg, or ends the rule.
func Map(set *nftables.Set, reg, to uint32) []expr.Any {
	return []expr.Any{&expr.Lookup{SourceRegister: reg, DestRegister: to, IsDestRegSet: true, SetName: set.Name, SetID: set.ID}}
}

// Dispatch follows the verdict map's verdict for the key at reg, or ends the rule.
func Dispatch(set *nftables.Set, reg uint32) []expr.Any { return Map(set, reg, unix.NFT_REG_VERDICT) }

// ToLocal goes on when the destination is one of the host's addresses.
func ToLocal() []expr.Any {
	return local(&expr.Fib{Register: unix.NFT_REG_1, FlagDADDR: true, ResultADDRTYPE: true})
}

func local(fib *expr.Fib) []expr.Any {
	return []expr.Any{fib, &expr.Cmp{Op: expr.CmpOpEq, Register: unix.NFT_REG_1, Data: native(unix.RTN_LOCAL)}}
}

// Within goes on when the address that load loads is, or is not, in prefix.
func Within(load func(uint32) []expr.Any, prefix netip.Prefix, is bool) []expr.Any {
	op := expr.CmpOpEq
	if !is {
		op = expr.CmpOpNeq
	}
	mask := make([]byte, 4)
	binary.BigEndian.PutUint32(mask, ^uint32(0)<<(32-prefix.Bits()))
	return append(load(unix.NFT_REG_1),
		&expr.Bitwise{SourceRegister: unix.NFT_REG_1, DestRegister: unix.NFT_REG_1, Len: 4, Mask: mask, Xor: make([]byte, 4)},
		&expr.Cmp{Op: op, Register: unix.NFT_REG_1, Data: prefix.Masked().Addr().AsSlice()})
}

// InInterface goes on when the packet came in by the interface.
func InInterface(name string) []expr.Any { return iface(expr.MetaKeyIIFNAME, expr.CmpOpEq, name) }

// OutInterface goes on when the packet leaves by the interface.
func OutInterface(name string) []expr.Any { return iface(expr.MetaKeyOIFNAME, expr.CmpOpEq, name) }

// NotOutInterface goes on when the packet leaves by another interface.
func NotOutInterface(name string) []expr.Any { return iface(expr.MetaKeyOIFNAME, expr.CmpOpNeq, name) }

func iface(key expr.MetaKey, op expr.CmpOp, name string) []expr.Any {
	padded := make([]byte, unix.IFNAMSIZ)
	copy(padded, name)
	return []expr.Any{&expr.Meta{Key: key, Register: unix.NFT_REG_1}, &expr.Cmp{Op: op, Register: unix.NFT_REG_1, Data: padded}}
}

// Marked goes on when the packet's mark has the bit.
func Marked(bit uint32) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyMARK, Register: unix.NFT_REG_1},
		&expr.Bitwise{SourceRegister: unix.NFT_REG_1, DestRegister: unix.NFT_REG_1, Len: 4, Mask: native(bit), Xor: native(0)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: unix.NFT_REG_1, Data: native(0)},
	}
}

// Mark sets the bit of the packet's mark.
func Mark(bit uint32) []expr.Any { return remark(^bit, bit) }

// Unmark clears the bit of the packet's mark.
func Unmark(bit uint32) []expr.Any { return remark(^bit, 0) }

func remark(mask, xor uint32) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyMARK, Register: unix.NFT_REG_1},
		&expr.Bitwise{SourceRegister: unix.NFT_REG_1, DestRegister: unix.NFT_REG_1, Len: 4, Mask: native(mask), Xor: native(xor)},
		&expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: unix.NFT_REG_1},
	}
}

// New goes on for packets that open a connection.
func New() []expr.Any {
	return []expr.Any{
		&expr.Ct{Key: expr.CtKeySTATE, Register: unix.NFT_REG_1},
		&expr.Bitwise{SourceRegister: unix.NFT_REG_1, DestRegister: unix.NFT_REG_1, Len: 4, Mask: native(expr.CtStateBitNEW), Xor: native(0)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: unix.NFT_REG_1, Data: native(0)},
	}
}

// DNAT sends the connection to the address and port in two registers.
func DNAT(reg uint32) []expr.Any {
	return []expr.Any{&expr.NAT{Type: expr.NATTypeDestNAT, Family: unix.NFPROTO_IPV4, RegAddrMin: reg, RegProtoMin: reg + 1, Specified: true}}
}

// Masquerade replaces the source by the address of the interface the packet leaves by.
func Masquerade() []expr.Any { return []expr.Any{&expr.Masq{FullyRandom: true, Random: false}} }

// Accept, Drop and Return end the chain with their verdict; Reject answers port unreachable.
func Accept() []expr.Any { return verdict(expr.VerdictAccept, "") }

// Drop discards the packet.
func Drop() []expr.Any { return verdict(expr.VerdictDrop, "") }

// Jump calls a chain.
func Jump(chain string) []expr.Any { return verdict(expr.VerdictJump, chain) }

// Goto continues in a chain, not to return.
func Goto(chain string) []expr.Any { return verdict(expr.VerdictGoto, chain) }

// Reject answers with ICMP port unreachable, which a TCP client sees as a refused connection.
func Reject() []expr.Any {
	return []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_ICMP_UNREACH, Code: 3}}
}

func verdict(kind expr.VerdictKind, chain string) []expr.Any {
	return []expr.Any{&expr.Verdict{Kind: kind, Chain: chain}}
}

func native(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }
