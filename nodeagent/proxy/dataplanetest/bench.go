package dataplanetest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"taffrail.dev/nodeagent/network/netns"
	"taffrail.dev/nodeagent/network/networktest"
	"taffrail.dev/nodeagent/proxy"
)

var (
	gateway = netip.MustParseAddr("10.244.1.1")
	uplink  = netip.MustParseAddr("192.168.77.1")
	outside = netip.MustParseAddr("192.168.77.2")
)

// bench is a node with three pods, and a client outside whose way to anywhere is the node.
// Pods serve their name on ports 80 (tcp) and 53 (udp), and who asks on 81.
type bench struct {
	t            testing.TB
	start        Start
	plane        proxy.Dataplane
	node, client string
	pods         []pod
}

type pod struct {
	name, ns string
	addr     netip.Addr
}

func newBench(t testing.TB, start Start) *bench {
	b := &bench{t: t, start: start, node: networktest.Namespace(t, "node"), client: networktest.Namespace(t, "client")}
	must(t, netns.Do(b.node, func() error {
		bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "pods", TxQLen: -1}}
		must(t, netlink.LinkAdd(bridge))
		address(t, "pods", netip.PrefixFrom(gateway, 24))
		for _, s := range []string{"ip_forward=1", "conf/all/send_redirects=0", "conf/pods/send_redirects=0"} {
			set(t, s)
		}
		for i := range 3 {
			b.addPod(i, bridge.Attrs().Index)
		}
		b.connect("up", b.client, "eth0", 0)
		set(t, "conf/up/send_redirects=0")
		address(t, "up", netip.PrefixFrom(uplink, 24))
		route(t, "up", outside)
		return nil
	}))
	must(t, netns.Do(b.client, func() error {
		address(t, "eth0", netip.PrefixFrom(outside, 24))
		route(t, "eth0", uplink)
		return nil
	}))
	b.plane = start(t, b.node)
	t.Cleanup(func() { must(t, b.plane.Cleanup(context.Background())) })
	t.Cleanup(func() { b.plane.Close() })
	return b
}

// addPod makes a pod as the network does: its address alone on its link, all else by the gateway.
func (b *bench) addPod(i, bridge int) {
	name := fmt.Sprint("pod-", i)
	one := pod{name: name, ns: networktest.Namespace(b.t, name), addr: netip.AddrFrom4([4]byte{10, 244, 1, byte(10 + i)})}
	b.pods = append(b.pods, one)
	b.connect(name, one.ns, "eth0", bridge)
	must(b.t, netns.Do(one.ns, func() error {
		address(b.t, "eth0", netip.PrefixFrom(one.addr, 32))
		link, err := netlink.LinkByName("eth0")
		must(b.t, err)
		near := &netlink.Route{LinkIndex: link.Attrs().Index, Scope: netlink.SCOPE_LINK, Dst: ipNet(netip.PrefixFrom(gateway, 32))}
		must(b.t, netlink.RouteAdd(near))
		route(b.t, "eth0", gateway)
		return nil
	}))
	networktest.Serve(b.t, one.ns, "tcp", ":80", func(net.Addr) string { return name })
	networktest.Serve(b.t, one.ns, "udp", ":53", func(net.Addr) string { return name })
	networktest.Serve(b.t, one.ns, "tcp", ":81", func(from net.Addr) string {
		return netip.MustParseAddrPort(from.String()).Addr().String()
	})
}

// connect plugs a cable between the thread's namespace and another, on a bridge if there is one.
func (b *bench) connect(name, ns, inside string, bridge int) {
	handle, err := os.Open(ns)
	must(b.t, err)
	defer handle.Close()
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MasterIndex = name, bridge
	attrs.Flags |= unix.IFF_UP
	veth := &netlink.Veth{LinkAttrs: attrs, PeerName: inside, PeerNamespace: netlink.NsFd(handle.Fd())}
	must(b.t, netlink.LinkAdd(veth))
	if bridge != 0 {
		must(b.t, netlink.LinkSetHairpin(veth, true))
	}
}

// backends are the pods of these numbers, at a port.
func (b *bench) backends(port uint16, pods ...int) []proxy.Backend {
	var all []proxy.Backend
	for _, i := range pods {
		all = append(all, proxy.Backend{AddrPort: netip.AddrPortFrom(b.pods[i].addr, port), Local: true})
	}
	return all
}

func (b *bench) update(servers ...proxy.Server) {
	b.t.Helper()
	must(b.t, b.plane.Update(b.t.Context(), servers))
}

// ask asks a frontend at one of its addresses.
func (b *bench) ask(from string, f proxy.Frontend, at netip.Addr) string {
	b.t.Helper()
	answer, err := networktest.Ask(from, protocol(f), netip.AddrPortFrom(at, f.Port), patience)
	if err != nil {
		b.t.Fatalf("%s at %s from %s: %v", f, at, filepath.Base(from), err)
	}
	return answer
}

func (b *bench) answers(from string, f proxy.Frontend, at netip.Addr, want string) {
	b.t.Helper()
	if got := b.ask(from, f, at); got != want {
		b.t.Fatalf("%s at %s: %q answers, want %q", f, at, got, want)
	}
}

func (b *bench) refuses(from string, f proxy.Frontend, at netip.Addr) {
	b.t.Helper()
	answer, err := networktest.Ask(from, protocol(f), netip.AddrPortFrom(at, f.Port), patience)
	if !errors.Is(err, syscall.ECONNREFUSED) {
		b.t.Fatalf("%s at %s from %s: %q, %v; want it refused", f, at, filepath.Base(from), answer, err)
	}
}

// interfaces lists the node's.
func (b *bench) interfaces() (names []string) {
	must(b.t, netns.Do(b.node, func() error {
		links, err := netlink.LinkList()
		for _, link := range links {
			names = append(names, link.Attrs().Name)
		}
		return err
	}))
	return names
}

func protocol(f proxy.Frontend) string {
	if f.Protocol == proxy.UDP {
		return "udp"
	}
	return "tcp"
}

func address(t testing.TB, name string, prefix netip.Prefix) {
	link, err := netlink.LinkByName(name)
	must(t, err)
	must(t, netlink.AddrAdd(link, &netlink.Addr{IPNet: ipNet(prefix)}))
	must(t, netlink.LinkSetUp(link))
}

// route is the default one.
func route(t testing.TB, name string, via netip.Addr) {
	link, err := netlink.LinkByName(name)
	must(t, err)
	must(t, netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: via.AsSlice()}))
}

// set writes "key=value" under net/ipv4.
func set(t testing.TB, setting string) {
	key, value, _ := strings.Cut(setting, "=")
	must(t, os.WriteFile("/proc/sys/net/ipv4/"+key, []byte(value), 0o644))
}

func ipNet(prefix netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), 32)}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
