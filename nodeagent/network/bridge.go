package network

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Bridge connects sandboxes over netlink, in this process. A pod's address is a /32 and its
// only neighbour the gateway, so that all its traffic passes the host's rules.
type Bridge struct {
	host      host
	addresses *addresses
}

var _ Network = (*Bridge)(nil)

// NewBridge reads the addresses taken under config.Dir; the kernel is left for the first Setup.
func NewBridge(config Config) (*Bridge, error) {
	config, err := config.complete()
	if err != nil {
		return nil, err
	}
	taken, err := loadAddresses(filepath.Join(config.Dir, "networks", networkName), config.PodCIDR)
	if err != nil {
		return nil, fmt.Errorf("addresses: %w", err)
	}
	return &Bridge{host: host{config: config}, addresses: taken}, nil
}

// Setup implements Network.
func (b *Bridge) Setup(ctx context.Context, s Sandbox) (Result, error) {
	if err := b.host.ready(ctx); err != nil {
		return Result{}, err
	}
	addr, err := b.addresses.take(s.SandboxID)
	if err != nil {
		return Result{}, err
	}
	if err := errors.Join(ctx.Err(), b.connect(s, addr)); err != nil {
		return Result{}, errors.Join(fmt.Errorf("sandbox %s: %w", s.SandboxID, err), b.disconnect(s.SandboxID))
	}
	if err := b.host.ports.add(s, addr); err != nil {
		return Result{}, errors.Join(err, b.disconnect(s.SandboxID))
	}
	return Result{IPs: []netip.Addr{addr}, Gateway: b.host.config.gateway(), Interface: interfaceIn}, nil
}

// Teardown implements Network.
func (b *Bridge) Teardown(ctx context.Context, s Sandbox) error {
	if err := b.host.ready(ctx); err != nil {
		return err
	}
	return b.disconnect(s.SandboxID)
}

// Prune implements Network.
func (b *Bridge) Prune(ctx context.Context, live map[string]bool) error {
	if err := b.host.ready(ctx); err != nil {
		return err
	}
	var errs []error
	for _, id := range append(b.addresses.sandboxes(), b.host.ports.sandboxes()...) {
		if !live[id] {
			errs = append(errs, b.disconnect(id))
		}
	}
	links, err := b.host.link.LinkList()
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	names := map[string]bool{}
	for id := range live {
		names[linkName(id)] = true
	}
	for _, link := range links {
		ours := link.Attrs().MasterIndex == b.host.bridge && strings.HasPrefix(link.Attrs().Name, linkPrefix)
		if ours && !names[link.Attrs().Name] {
			errs = append(errs, b.host.link.LinkDel(link))
		}
	}
	return errors.Join(errs...)
}

// Cleanup removes the bridge and every rule; pods that still run lose their network.
func (b *Bridge) Cleanup(ctx context.Context) error { return b.host.cleanup(ctx) }

// connect makes the pair of interfaces, unless the sandbox has them.
func (b *Bridge) connect(s Sandbox, addr netip.Addr) error {
	inside, err := netns.GetFromPath(s.NetNS)
	if err != nil {
		return fmt.Errorf("namespace: %w", err)
	}
	defer inside.Close()
	pod, err := netlink.NewHandleAt(inside, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer pod.Close()
	if connected(pod, addr) {
		return nil
	}
	if err := b.plug(s.SandboxID, inside, addr); err != nil {
		return fmt.Errorf("interface: %w", err)
	}
	return b.configure(pod, addr)
}

// connected says whether the sandbox's interface is up, with the address.
func connected(pod *netlink.Handle, addr netip.Addr) bool {
	link, err := pod.LinkByName(interfaceIn)
	if err != nil || link.Attrs().RawFlags&unix.IFF_UP == 0 {
		return false
	}
	held, err := pod.AddrList(link, unix.AF_INET)
	if err != nil {
		return false
	}
	for _, a := range held {
		if a.IP.Equal(addr.AsSlice()) {
			return true
		}
	}
	return false
}

// plug makes the pair of interfaces: one end on the bridge, which may send a frame back
// where it came from, the other in the sandbox. What an earlier try left is replaced.
func (b *Bridge) plug(id string, inside netns.NsHandle, addr netip.Addr) error {
	if err := b.unplug(id); err != nil {
		return err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU, attrs.MasterIndex = linkName(id), b.host.config.MTU, b.host.bridge
	attrs.Flags |= unix.IFF_UP
	veth := &netlink.Veth{
		LinkAttrs: attrs, PeerName: interfaceIn, PeerMTU: uint32(b.host.config.MTU),
		PeerHardwareAddr: hardwareAddr(addr), PeerNamespace: netlink.NsFd(inside),
	}
	if err := b.host.link.LinkAdd(veth); err != nil {
		return err
	}
	return b.host.link.LinkSetHairpin(veth, true)
}

// configure gives the sandbox's end its address and its way out.
func (b *Bridge) configure(pod *netlink.Handle, addr netip.Addr) error {
	link, err := pod.LinkByName(interfaceIn)
	if err != nil {
		return err
	}
	if err := pod.AddrReplace(link, &netlink.Addr{IPNet: ipNet(netip.PrefixFrom(addr, 32))}); err != nil {
		return fmt.Errorf("address %s: %w", addr, err)
	}
	if err := pod.LinkSetUp(link); err != nil {
		return err
	}
	gateway := b.host.config.gateway()
	index := link.Attrs().Index
	near := &netlink.Route{LinkIndex: index, Dst: ipNet(netip.PrefixFrom(gateway, 32)), Scope: netlink.SCOPE_LINK}
	if err := pod.RouteReplace(near); err != nil {
		return fmt.Errorf("route to %s: %w", gateway, err)
	}
	if err := pod.RouteReplace(&netlink.Route{LinkIndex: index, Gw: gateway.AsSlice()}); err != nil {
		return fmt.Errorf("default route: %w", err)
	}
	return nil
}

// disconnect closes the ports, removes the interfaces, and gives the address back last, so
// that nobody gets an address that still leads here.
func (b *Bridge) disconnect(id string) error {
	if err := b.host.ports.remove(id); err != nil {
		return err
	}
	if err := b.unplug(id); err != nil {
		return fmt.Errorf("sandbox %s: %w", id, err)
	}
	return b.addresses.give(id)
}

func (b *Bridge) unplug(id string) error {
	host, err := b.host.dial()
	if err != nil {
		return err
	}
	defer host.Close()
	link, err := host.LinkByName(linkName(id))
	if errors.As(err, new(netlink.LinkNotFoundError)) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := host.LinkDel(link); err != nil && !errors.Is(err, unix.ENODEV) && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// linkPrefix begins the names of the host's ends.
const linkPrefix = "tfl"

// linkName is the host's end for a sandbox, within the fifteen bytes of an interface's name.
func linkName(id string) string {
	sum := sha256.Sum256([]byte(id))
	return linkPrefix + hex.EncodeToString(sum[:6])
}
