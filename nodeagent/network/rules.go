package network

import (
	"errors"
	"fmt"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"taffrail.dev/nodeagent/network/nft"
)

// tableName is the pod network's own table; ruleMark is found in the rules it adds to others'.
const (
	tableName = "taffrail-pods"
	ruleMark  = "taffrail: pod network"
)

// loopbackNet is what the host calls itself by.
var loopbackNet = mustPrefix("127.0.0.0/8")

// installRules replaces the table's chains and keeps the host ports that are open.
func installRules(conn *nftables.Conn, config Config) (*hostPorts, error) {
	if err := allowForward(conn, config); err != nil {
		return nil, err
	}
	table := conn.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: tableName})
	ports := newHostPorts(conn, table)
	conn.AddSet(ports.open, nil)
	conn.AddSet(ports.hairpin, nil)
	for _, chain := range chains(table) {
		conn.AddChain(chain)
		conn.FlushChain(chain)
	}
	add := func(chain string, parts ...[]expr.Any) {
		conn.AddRule(&nftables.Rule{Table: table, Chain: &nftables.Chain{Name: chain, Table: table}, Exprs: nft.Rule(parts...)})
	}
	bridge, pods := config.Bridge, config.PodCIDR
	// Routing loopback addresses to the bridge, for host ports, must not let pods use them.
	add("guard", nft.InInterface(bridge), nft.Within(nft.Destination, loopbackNet, true), nft.Drop())
	add("guard", nft.InInterface(bridge), nft.Within(nft.Source, loopbackNet, true), nft.Drop())
	for _, chain := range []string{"prerouting", "output"} {
		add(chain, nft.ToLocal(), nft.Destination(nft.Reg(0)), nft.ProtocolAndPort(nft.Reg(1)), nft.Map(ports.open, nft.Reg(0), nft.Reg(8)), nft.DNAT(nft.Reg(8)))
		add(chain, nft.ToLocal(), nft.Immediate(nft.Reg(0), make([]byte, 4)), nft.ProtocolAndPort(nft.Reg(1)), nft.Map(ports.open, nft.Reg(0), nft.Reg(8)), nft.DNAT(nft.Reg(8)))
	}
	add("forward", nft.InInterface(bridge), nft.Accept())
	add("forward", nft.OutInterface(bridge), nft.Accept())
	add("postrouting", nft.OutInterface(bridge), nft.Within(nft.Source, loopbackNet, true), nft.Masquerade())
	add("postrouting", nft.Source(nft.Reg(0)), nft.Destination(nft.Reg(1)), nft.In(ports.hairpin, nft.Reg(0)), nft.Masquerade())
	add("postrouting", nft.NotOutInterface(bridge), nft.Within(nft.Source, pods, true), nft.Within(nft.Destination, config.ClusterCIDR, false), nft.Masquerade())
	if err := conn.Flush(); err != nil {
		return nil, err
	}
	return ports, ports.load()
}

func chains(table *nftables.Table) []*nftables.Chain {
	chain := func(name string, kind nftables.ChainType, hook *nftables.ChainHook, priority nftables.ChainPriority) *nftables.Chain {
		return &nftables.Chain{Table: table, Name: name, Type: kind, Hooknum: hook, Priority: &priority}
	}
	return []*nftables.Chain{
		chain("guard", nftables.ChainTypeFilter, nftables.ChainHookPrerouting, *nftables.ChainPriorityRaw),
		chain("prerouting", nftables.ChainTypeNAT, nftables.ChainHookPrerouting, *nftables.ChainPriorityNATDest),
		chain("output", nftables.ChainTypeNAT, nftables.ChainHookOutput, *nftables.ChainPriorityNATDest),
		chain("forward", nftables.ChainTypeFilter, nftables.ChainHookForward, *nftables.ChainPriorityFilter),
		chain("postrouting", nftables.ChainTypeNAT, nftables.ChainHookPostrouting, *nftables.ChainPriorityNATSource),
	}
}

// allowForward adds to the chain that iptables's firewalls drop forwarded packets in, where
// there is one: an accept in a table of one's own does not outweigh another table's drop.
func allowForward(conn *nftables.Conn, config Config) error {
	chain, err := firewall(conn)
	if chain == nil || err != nil {
		return err
	}
	if err := forgetForward(conn, chain); err != nil {
		return err
	}
	for _, load := range []func(uint32) []expr.Any{nft.Source, nft.Destination} {
		conn.InsertRule(&nftables.Rule{
			Table: chain.Table, Chain: chain, UserData: []byte(ruleMark),
			Exprs: nft.Rule(nft.Within(load, config.ClusterCIDR, true), nft.Accept()),
		})
	}
	return conn.Flush()
}

// firewall is iptables's FORWARD chain, or nil where there is none or it lets everything pass.
func firewall(conn *nftables.Conn) (*nftables.Chain, error) {
	all, err := conn.ListChainsOfTableFamily(nftables.TableFamilyIPv4)
	if err != nil {
		return nil, fmt.Errorf("chains: %w", err)
	}
	for _, chain := range all {
		if chain.Table.Name == "filter" && chain.Name == "FORWARD" {
			return chain, nil
		}
	}
	return nil, nil
}

// forgetForward removes the rules that allowForward added.
func forgetForward(conn *nftables.Conn, chain *nftables.Chain) error {
	rules, err := conn.GetRules(chain.Table, chain)
	if err != nil {
		return err
	}
	for _, rule := range rules {
		if string(rule.UserData) == ruleMark {
			if err := conn.DelRule(rule); err != nil {
				return err
			}
		}
	}
	return conn.Flush()
}

// removeRules removes the table and what was added to others.
func removeRules(conn *nftables.Conn) error {
	chain, err := firewall(conn)
	if chain != nil {
		err = forgetForward(conn, chain)
	}
	conn.DelTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: tableName})
	if gone := conn.Flush(); gone != nil && !errors.Is(gone, unix.ENOENT) {
		return errors.Join(err, gone)
	}
	return err
}
