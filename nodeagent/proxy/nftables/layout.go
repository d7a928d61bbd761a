package nftables

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"taffrail.dev/nodeagent/network/nft"
	"taffrail.dev/nodeagent/proxy"
)

const (
	tableName = "taffrail-proxy"
	// masquerade is the packet mark's bit that asks for masquerading; Kubernetes's.
	masquerade = 0x4000
	// version changes with whatever makes an older table unfit to be adopted.
	version = 1
)

// layout is the table's fixed part.
type layout struct {
	table *nftables.Table
	// services: frontend to verdict. refused: frontend to verdict, where there are no backends.
	// backends: frontend and number to backend. members: frontend and backend, of servers with
	// affinity. affinity: client and frontend to backend, added by packets. hairpin: the pairs of
	// a local backend with itself.
	services, refused, backends, members, affinity, hairpin *nftables.Set
	pods                                                    netip.Prefix
}

func newLayout(pods netip.Prefix) *layout {
	table := &nftables.Table{Family: nftables.TableFamilyIPv4, Name: tableName}
	concat := nftables.MustConcatSetType
	frontend, addrPort := nft.AddrProtoPort, nft.AddrPort
	l := &layout{
		table: table, pods: pods,
		services: &nftables.Set{Name: "services", IsMap: true, KeyType: frontend, DataType: nftables.TypeVerdict},
		refused:  &nftables.Set{Name: "refused", IsMap: true, KeyType: frontend, DataType: nftables.TypeVerdict},
		backends: &nftables.Set{
			Name: "backends", IsMap: true, DataType: addrPort,
			KeyType: concat(nftables.TypeIPAddr, nftables.TypeInetProto, nftables.TypeInetService, nftables.TypeMark),
		},
		members: &nftables.Set{
			Name:    "members",
			KeyType: concat(nftables.TypeIPAddr, nftables.TypeInetProto, nftables.TypeInetService, nftables.TypeIPAddr, nftables.TypeInetService),
		},
		affinity: &nftables.Set{
			Name: "affinity", IsMap: true, DataType: addrPort, Dynamic: true, HasTimeout: true, Timeout: 3 * time.Hour, Size: 1 << 18,
			KeyType: concat(nftables.TypeIPAddr, nftables.TypeIPAddr, nftables.TypeInetProto, nftables.TypeInetService),
		},
		hairpin: &nftables.Set{Name: "hairpin", KeyType: nft.AddrPair},
	}
	for i, set := range l.sets() {
		set.Table, set.ID, set.Concatenation = table, uint32(i+1), true
	}
	return l
}

func (l *layout) sets() []*nftables.Set {
	return []*nftables.Set{l.services, l.refused, l.backends, l.members, l.affinity, l.hairpin}
}

// stamp is the name of an empty chain that says which layout a table has.
func (l *layout) stamp() string {
	return fmt.Sprintf("layout-%d-%s", version, strings.ReplaceAll(l.pods.String(), "/", "_"))
}

// install queues the fixed part; over a table of the same layout it changes nothing.
func (l *layout) install(conn *nftables.Conn) error {
	conn.AddTable(l.table)
	for _, set := range l.sets() {
		if err := conn.AddSet(set, nil); err != nil {
			return err
		}
	}
	for _, name := range []string{l.stamp(), "refuse", "dispatch", "check"} {
		l.chain(conn, &nftables.Chain{Name: name})
	}
	nat, filter := nftables.ChainTypeNAT, nftables.ChainTypeFilter
	for _, base := range []struct {
		name     string
		kind     nftables.ChainType
		hook     *nftables.ChainHook
		priority *nftables.ChainPriority
	}{
		{"prerouting", nat, nftables.ChainHookPrerouting, nftables.ChainPriorityNATDest},
		{"output", nat, nftables.ChainHookOutput, nftables.ChainPriorityNATDest},
		{"postrouting", nat, nftables.ChainHookPostrouting, nftables.ChainPriorityNATSource},
		{"refuse-input", filter, nftables.ChainHookInput, nftables.ChainPriorityFilter},
		{"refuse-forward", filter, nftables.ChainHookForward, nftables.ChainPriorityFilter},
		{"refuse-output", filter, nftables.ChainHookOutput, nftables.ChainPriorityFilter},
	} {
		l.chain(conn, &nftables.Chain{Name: base.name, Type: base.kind, Hooknum: base.hook, Priority: base.priority})
	}
	l.rules(conn)
	return nil
}

func (l *layout) chain(conn *nftables.Conn, chain *nftables.Chain) {
	chain.Table = l.table
	conn.AddChain(chain)
	conn.FlushChain(chain)
}

// rules queues the fixed chains' rules.
func (l *layout) rules(conn *nftables.Conn) {
	r := nft.Reg
	at := func(set *nftables.Set) ([]expr.Any, []expr.Any) {
		return nft.Rule(nft.Destination(r(0)), nft.ProtocolAndPort(r(1)), nft.Dispatch(set, r(0))),
			nft.Rule(nft.ToLocal(), nft.Immediate(r(0), make([]byte, 4)), nft.ProtocolAndPort(r(1)), nft.Dispatch(set, r(0)))
	}
	address, port := at(l.services)
	l.add(conn, "dispatch", address)
	l.add(conn, "dispatch", port)
	// A packet that a transaction overtakes can miss what is replaced. It must not pass, for
	// its connection would be remembered as one to nowhere: drop it, and it will be sent again.
	first := make([]byte, 4)
	l.add(conn, "dispatch", nft.Destination(r(0)), nft.ProtocolAndPort(r(1)), nft.Immediate(r(3), first), nft.Map(l.backends, r(0), r(8)), nft.Drop())
	l.add(conn, "dispatch", nft.ToLocal(), nft.Immediate(r(0), first), nft.ProtocolAndPort(r(1)), nft.Immediate(r(3), first), nft.Map(l.backends, r(0), r(8)), nft.Drop())
	address, port = at(l.refused)
	l.add(conn, "check", address)
	l.add(conn, "check", port)
	l.add(conn, "refuse", nft.Reject())
	for _, chain := range []string{"prerouting", "output"} {
		l.add(conn, chain, nft.Jump("dispatch"))
	}
	for _, chain := range []string{"refuse-input", "refuse-forward", "refuse-output"} {
		l.add(conn, chain, nft.New(), nft.Jump("check"))
	}
	l.add(conn, "postrouting", nft.Marked(masquerade), nft.Unmark(masquerade), nft.Masquerade())
	l.add(conn, "postrouting", nft.Source(r(0)), nft.Destination(r(1)), nft.In(l.hairpin, r(0)), nft.Masquerade())
}

func (l *layout) add(conn *nftables.Conn, chain string, parts ...[]expr.Any) {
	conn.AddRule(&nftables.Rule{Table: l.table, Chain: &nftables.Chain{Name: chain, Table: l.table}, Exprs: nft.Rule(parts...)})
}

// pick is what one of the shared chains does; its name says all of it.
type pick struct {
	backends int
	source   proxy.Source
	nodePort bool
	affinity time.Duration
}

func pickOf(s proxy.Server) pick {
	return pick{len(s.Backends), s.Source, !s.Addr.IsValid(), s.Affinity}
}

func (p pick) String() string {
	at := "vip"
	if p.nodePort {
		at = "node"
	}
	return fmt.Sprintf("pick-%d-%s-%d-%d", p.backends, at, p.source, int(p.affinity.Seconds()))
}

// parsePick reads what String wrote.
func parsePick(name string) (p pick, ok bool) {
	var at string
	var seconds int
	n, err := fmt.Sscanf(strings.ReplaceAll(name, "-", " "), "pick %d %s %d %d", &p.backends, &at, &p.source, &seconds)
	p.nodePort, p.affinity = at == "node", time.Duration(seconds)*time.Second
	return p, n == 4 && err == nil
}

// addPick queues a shared chain.
func (l *layout) addPick(conn *nftables.Conn, p pick) {
	name, r := p.String(), nft.Reg
	l.chain(conn, &nftables.Chain{Name: name})
	switch p.source {
	case proxy.MasqueradeAll:
		l.add(conn, name, nft.Mark(masquerade))
	case proxy.MasqueradeOutside:
		l.add(conn, name, nft.Within(nft.Source, l.pods, false), nft.Mark(masquerade))
	}
	// A frontend's key at a register.
	frontend := func(at uint32) []expr.Any {
		addr := nft.Destination(at)
		if p.nodePort {
			addr = nft.Immediate(at, make([]byte, 4))
		}
		return append(addr, nft.ProtocolAndPort(at+1)...)
	}
	draw := nft.Rule(frontend(r(0)),
		[]expr.Any{&expr.Numgen{Register: r(3), Modulus: uint32(p.backends), Type: unix.NFT_NG_RANDOM}},
		nft.Map(l.backends, r(0), r(12)))
	if p.affinity == 0 {
		l.add(conn, name, draw, nft.DNAT(r(12)))
		l.add(conn, name, nft.Drop()) // overtaken, as above
		return
	}
	client := nft.Rule(nft.Source(r(8)), frontend(r(9)))
	// The backend remembered, if it is still one.
	l.add(conn, name, client, nft.Map(l.affinity, r(8), r(3)), frontend(r(0)), nft.In(l.members, r(0)),
		l.remember(unix.NFT_DYNSET_OP_UPDATE, r(8), r(3), p.affinity), nft.DNAT(r(3)))
	// An update extends what is remembered without replacing it, so that goes first.
	l.add(conn, name, client, draw,
		l.remember(dynsetDelete, r(8), r(12), 0), l.remember(unix.NFT_DYNSET_OP_UPDATE, r(8), r(12), p.affinity), nft.DNAT(r(12)))
	l.add(conn, name, nft.Drop())
}

// dynsetDelete is NFT_DYNSET_OP_DELETE.
const dynsetDelete = 2

func (l *layout) remember(operation, key, data uint32, timeout time.Duration) []expr.Any {
	return []expr.Any{&expr.Dynset{
		SrcRegKey: key, SrcRegData: data, SetName: l.affinity.Name, SetID: l.affinity.ID, Operation: operation, Timeout: timeout,
	}}
}
