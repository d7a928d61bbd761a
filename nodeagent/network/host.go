package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"taffrail.dev/nodeagent/network/netns"
	"taffrail.dev/nodeagent/network/nft"
)

// host is the node's side of the pod network, which both implementations share: the bridge,
// the sysctls, the rules and the host ports. It is made once, on first use.
type host struct {
	config Config

	mu     sync.Mutex
	link   *netlink.Handle
	rules  *nftables.Conn
	ports  *hostPorts
	bridge int
}

// ready makes the node's side, or finds it made; what it repeats is harmless.
func (h *host) ready(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := ctx.Err(); err != nil || h.ports != nil {
		return err
	}
	if err := h.open(); err != nil {
		return err
	}
	if err := h.makeBridge(); err != nil {
		return fmt.Errorf("bridge %s: %w", h.config.Bridge, err)
	}
	if err := netns.Do(h.config.HostNS, h.setSysctls); err != nil {
		return err
	}
	ports, err := installRules(h.rules, h.config)
	if err != nil {
		return fmt.Errorf("pod network rules: %w", err)
	}
	h.ports = ports
	return nil
}

// open connects to the host's netlink, once.
func (h *host) open() (err error) {
	if h.link != nil {
		return nil
	}
	if h.rules, err = nft.Open(h.config.HostNS); err != nil {
		return err
	}
	h.link, err = h.dial()
	return err
}

// dial opens a netlink socket of the caller's own, to close. The kernel makes who removes an
// interface wait until nobody can see it: on a shared socket all would wait in turn.
func (h *host) dial() (link *netlink.Handle, err error) {
	err = netns.Do(h.config.HostNS, func() error {
		link, err = netlink.NewHandle(unix.NETLINK_ROUTE)
		return err
	})
	return link, err
}

// makeBridge makes the bridge with the gateway's address. Its hardware address is derived
// from the gateway, so that it does not change as pods come and go.
func (h *host) makeBridge() error {
	c := h.config
	link, err := h.link.LinkByName(c.Bridge)
	if errors.As(err, new(netlink.LinkNotFoundError)) {
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.MTU, attrs.HardwareAddr = c.Bridge, c.MTU, hardwareAddr(c.gateway())
		if err := h.link.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}); err != nil {
			return err
		}
		link, err = h.link.LinkByName(c.Bridge)
	}
	if err != nil {
		return err
	}
	if link.Type() != "bridge" {
		return fmt.Errorf("an interface of type %s has that name", link.Type())
	}
	gateway := &netlink.Addr{IPNet: ipNet(netip.PrefixFrom(c.gateway(), c.PodCIDR.Bits()))}
	if err := h.link.AddrReplace(link, gateway); err != nil {
		return err
	}
	h.bridge = link.Attrs().Index
	if err := h.link.LinkSetUp(link); err != nil {
		return err
	}
	return h.routeServices()
}

// routeServices gives the node a way to service addresses, unless it has one.
func (h *host) routeServices() error {
	services := h.config.ServiceCIDR
	if !services.IsValid() {
		return nil
	}
	_, err := h.link.RouteGet(services.Addr().Next().AsSlice())
	if !errors.Is(err, unix.ENETUNREACH) {
		return err
	}
	route := &netlink.Route{LinkIndex: h.bridge, Dst: ipNet(services.Masked()), Scope: netlink.SCOPE_LINK, Src: h.config.gateway().AsSlice()}
	if err := h.link.RouteReplace(route); err != nil {
		return fmt.Errorf("route to services: %w", err)
	}
	return nil
}

// bridgeCalls makes bridged IP traffic pass the host's rules; it exists with br_netfilter.
const bridgeCalls = "/proc/sys/net/bridge/bridge-nf-call-iptables"

// bridgeFilter says whether the host's kernel has br_netfilter.
func bridgeFilter(hostNS string) (has bool) {
	netns.Do(hostNS, func() error {
		_, err := os.Stat(bridgeCalls)
		has = err == nil
		return err
	})
	return has
}

// setSysctls lets the host forward for pods. Redirects would tell pods of short cuts past
// the rules; where ports are isolated, proxy ARP answers for neighbours.
func (h *host) setSysctls() error {
	dev := "/proc/sys/net/ipv4/conf/" + h.config.Bridge
	settings := [][2]string{
		{"/proc/sys/net/ipv4/ip_forward", "1"},
		{"/proc/sys/net/ipv4/conf/all/send_redirects", "0"},
		{dev + "/send_redirects", "0"},
		{dev + "/forwarding", "1"},
		{dev + "/route_localnet", "1"},
	}
	if bridgeFilter("") {
		settings = append(settings, [2]string{bridgeCalls, "1"})
	} else {
		settings = append(settings,
			[2]string{dev + "/proxy_arp_pvlan", "1"},
			[2]string{"/proc/sys/net/ipv4/neigh/" + h.config.Bridge + "/proxy_delay", "0"})
	}
	for _, s := range settings {
		if err := os.WriteFile(s[0], []byte(s[1]), 0o644); err != nil {
			return fmt.Errorf("sysctl: %w", err)
		}
	}
	return nil
}

// cleanup removes the bridge with what is plugged into it, and the rules. Sysctls stay:
// others may have come to rely on them.
func (h *host) cleanup(context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.open(); err != nil {
		return err
	}
	h.ports = nil
	return errors.Join(removeRules(h.rules), h.removeBridge())
}

func (h *host) removeBridge() error {
	bridge, err := h.link.LinkByName(h.config.Bridge)
	if errors.As(err, new(netlink.LinkNotFoundError)) {
		return nil
	}
	if err != nil {
		return err
	}
	links, err := h.link.LinkList()
	errs := []error{err}
	for _, link := range links {
		if link.Type() == "veth" && link.Attrs().MasterIndex == bridge.Attrs().Index {
			errs = append(errs, gone(h.link.LinkDel(link)))
		}
	}
	return errors.Join(append(errs, gone(h.link.LinkDel(bridge)))...)
}

// gone forgives the removal of a link that went by itself, as a veth does with a
// namespace of its other end.
func gone(err error) error {
	if errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}

// hardwareAddr is a locally administered address made of an IPv4 address, so that a
// neighbour's cache entry stays right when the address moves to another pod.
func hardwareAddr(addr netip.Addr) net.HardwareAddr {
	four := addr.As4()
	return net.HardwareAddr{0x0a, 0x58, four[0], four[1], four[2], four[3]}
}

func ipNet(prefix netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen())}
}
