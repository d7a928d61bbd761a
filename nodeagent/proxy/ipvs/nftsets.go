package ipvs

import (
	"errors"
	"fmt"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"taffrail.dev/nodeagent/network/nft"
)

const tableName = "taffrail-ipvs"

// openSets opens nftables's sets where the kernel has IPv4 tables, or else ipsets.
func openSets(config Config) (sets, error) {
	kernel, err := openNFTSets(config)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EPROTONOSUPPORT) {
		return openIPSets(config)
	}
	if err != nil {
		return nil, fmt.Errorf("nftables table: %w", err)
	}
	return kernel, nil
}

// removeSets removes sets and rules of either kind.
func removeSets(config Config) error {
	conn, err := nft.Open(config.HostNS)
	if err == nil {
		defer conn.CloseLasting()
		conn.DelTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: tableName})
		err = conn.Flush()
	}
	if err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	}
	return removeIPSets(config)
}

// hairpinKey is a backend, and the client's address: the same one.
var hairpinKey = nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeInetProto, nftables.TypeInetService, nftables.TypeIPAddr)

// nftSets are sets of an nftables table.
type nftSets struct {
	conn *nftables.Conn
	sets map[string]*nftables.Set
}

func openNFTSets(config Config) (*nftSets, error) {
	conn, err := nft.Open(config.HostNS)
	if err != nil {
		return nil, err
	}
	table := conn.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: tableName})
	s := &nftSets{conn: conn, sets: map[string]*nftables.Set{}}
	for i, name := range setNames {
		key := nft.AddrProtoPort
		if name == hairpinSet {
			key = hairpinKey
		}
		s.sets[name] = &nftables.Set{Table: table, ID: uint32(i + 1), Name: name, Concatenation: true, KeyType: key}
		if err := conn.AddSet(s.sets[name], nil); err != nil {
			return nil, errors.Join(err, conn.CloseLasting())
		}
	}
	s.rules(table, config)
	if err := conn.Flush(); err != nil {
		return nil, errors.Join(err, conn.CloseLasting())
	}
	return s, nil
}

// rules queues the chains. Packets are marked on their way in; where they leave they have
// their backend's address, and its own if it is its own client.
func (s *nftSets) rules(table *nftables.Table, config Config) {
	chain := func(name string, kind nftables.ChainType, hook *nftables.ChainHook, priority *nftables.ChainPriority) {
		conn := &nftables.Chain{Table: table, Name: name, Type: kind, Hooknum: hook, Priority: priority}
		s.conn.AddChain(conn)
		s.conn.FlushChain(conn)
	}
	chain("prerouting", nftables.ChainTypeFilter, nftables.ChainHookPrerouting, nftables.ChainPriorityMangle)
	chain("output", nftables.ChainTypeRoute, nftables.ChainHookOutput, nftables.ChainPriorityMangle)
	chain("postrouting", nftables.ChainTypeNAT, nftables.ChainHookPostrouting, nftables.ChainPriorityNATSource)
	add := func(chain string, parts ...[]expr.Any) {
		s.conn.AddRule(&nftables.Rule{Table: table, Chain: &nftables.Chain{Table: table, Name: chain}, Exprs: nft.Rule(parts...)})
	}
	to := nft.Rule(nft.Destination(nft.Reg(0)), nft.ProtocolAndPort(nft.Reg(1)))
	for _, chain := range []string{"prerouting", "output"} {
		add(chain, to, nft.In(s.sets[dropSet], nft.Reg(0)), nft.Drop())
		add(chain, to, nft.In(s.sets[everySet], nft.Reg(0)), nft.Mark(masquerade))
		add(chain, to, nft.In(s.sets[outsideSet], nft.Reg(0)), nft.Within(nft.Source, config.Pods, false), nft.Mark(masquerade))
	}
	add("postrouting", nft.Marked(masquerade), nft.Unmark(masquerade), nft.Masquerade())
	add("postrouting", to, nft.Source(nft.Reg(3)), nft.In(s.sets[hairpinSet], nft.Reg(0)), nft.Masquerade())
}

func (s *nftSets) list() ([]member, error) {
	var all []member
	for name, set := range s.sets {
		elements, err := s.conn.GetSetElements(set)
		if err != nil {
			return nil, err
		}
		for _, element := range elements {
			all = append(all, member{name, nft.ParseAddr(element.Key), element.Key[4], nft.ParsePort(element.Key[8:])})
		}
	}
	return all, nil
}

// perMessage elements fit in a message's attribute of 64 KiB.
const perMessage = 1000

func (s *nftSets) change(add, remove []member) error {
	if err := s.each(remove, s.conn.SetDeleteElements); err != nil {
		return err
	}
	if err := s.each(add, s.conn.SetAddElements); err != nil {
		return err
	}
	return s.conn.Flush()
}

func (s *nftSets) each(members []member, do func(*nftables.Set, []nftables.SetElement) error) error {
	bySet := map[string][]nftables.SetElement{}
	for _, one := range members {
		element := nftables.SetElement{Key: nft.Key(nil, one.addr, one.protocol, one.port)}
		if one.set == hairpinSet {
			element.Key = nft.Addr(element.Key, one.addr)
		}
		bySet[one.set] = append(bySet[one.set], element)
	}
	for name, elements := range bySet {
		for len(elements) > 0 {
			n := min(perMessage, len(elements))
			if err := do(s.sets[name], elements[:n]); err != nil {
				return err
			}
			elements = elements[n:]
		}
	}
	return nil
}

func (s *nftSets) close() error { return s.conn.CloseLasting() }
