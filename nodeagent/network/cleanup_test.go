package network_test

import (
	"net"
	"net/netip"
	"testing"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"

	"taffrail.dev/nodeagent/network"
	"taffrail.dev/nodeagent/network/netns"
	"taffrail.dev/nodeagent/network/networktest"
	"taffrail.dev/nodeagent/network/nft"
)

// TestFirewallAndCleanup runs pods on a host whose firewall drops what it forwards, then
// removes everything under them: interfaces, tables, and the rules in the firewall's chain.
func TestFirewallAndCleanup(t *testing.T) {
	t.Parallel()
	host := networktest.Namespace(t, "host")
	conn, err := nft.Open(host)
	check(t, err)
	t.Cleanup(func() { conn.CloseLasting() })
	drop := nftables.ChainPolicyDrop
	firewall := conn.AddChain(&nftables.Chain{
		Name: "FORWARD", Table: conn.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "filter"}),
		Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookForward, Priority: nftables.ChainPriorityFilter, Policy: &drop,
	})
	check(t, conn.Flush())
	pods, err := network.NewBridge(network.Config{Dir: t.TempDir(), HostNS: host, PodCIDR: netip.MustParsePrefix("10.244.3.0/24")})
	check(t, err)
	a := network.Sandbox{SandboxID: "a", NetNS: networktest.Namespace(t, "a")}
	b := network.Sandbox{SandboxID: "b", NetNS: networktest.Namespace(t, "b")}
	toA, err := pods.Setup(t.Context(), a)
	check(t, err)
	_, err = pods.Setup(t.Context(), b)
	check(t, err)
	networktest.Serve(t, a.NetNS, "tcp", ":80", func(net.Addr) string { return "a" })
	_, err = networktest.Ask(b.NetNS, "tcp", netip.AddrPortFrom(toA.IPs[0], 80), networktest.Patience)
	check(t, err)

	for range 2 {
		check(t, pods.Cleanup(t.Context()))
	}
	rules, err := conn.GetRules(firewall.Table, firewall)
	check(t, err)
	tables, err := conn.ListTables()
	check(t, err)
	if len(rules) != 0 || len(tables) != 1 {
		t.Errorf("left: rules %v, tables %v", rules, tables)
	}
	check(t, netns.Do(host, func() error {
		links, err := netlink.LinkList()
		if len(links) != 1 {
			t.Errorf("left: interfaces %v", links)
		}
		return err
	}))
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
