package ipvs

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// openDevice makes the device and reads the addresses bound to it.
func (d *Dataplane) openDevice() error {
	link, err := d.link.LinkByName(device)
	if errors.As(err, new(netlink.LinkNotFoundError)) {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = device
		if err := d.link.LinkAdd(&netlink.Dummy{LinkAttrs: attrs}); err != nil {
			return err
		}
		link, err = d.link.LinkByName(device)
	}
	if err != nil {
		return err
	}
	d.index = link.Attrs().Index
	// Nobody is to ask who has the addresses: they are everywhere.
	if err := errors.Join(d.link.LinkSetARPOff(link), d.link.LinkSetUp(link)); err != nil {
		return err
	}
	addresses, err := d.link.AddrList(link, unix.AF_INET)
	if err != nil {
		return err
	}
	for _, a := range addresses {
		if addr, ok := netip.AddrFromSlice(a.IP); ok {
			d.bound[addr.Unmap()] = true
		}
	}
	d.locals = d.listLocals
	return nil
}

// listLocals lists the node's own addresses, sorted: neither loopback's nor the device's.
func (d *Dataplane) listLocals() ([]netip.Addr, error) {
	addresses, err := d.link.AddrList(nil, unix.AF_INET)
	if err != nil {
		return nil, fmt.Errorf("addresses: %w", err)
	}
	var own []netip.Addr
	for _, a := range addresses {
		addr, ok := netip.AddrFromSlice(a.IP)
		if ok && a.LinkIndex != d.index && !addr.Unmap().IsLoopback() {
			own = append(own, addr.Unmap())
		}
	}
	slices.SortFunc(own, netip.Addr.Compare)
	return slices.Compact(own), nil
}

// bind makes a virtual address the node's, unless it is already.
func (d *Dataplane) bind(addr netip.Addr, own []netip.Addr) error {
	if d.bound[addr] || slices.Contains(own, addr) {
		return nil
	}
	if err := d.link.AddrReplace(d.linkRef(), hostAddr(addr)); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	d.bound[addr] = true
	return nil
}

// unbind lets go of the addresses that no virtual server has.
func (d *Dataplane) unbind() error {
	used := map[netip.Addr]bool{}
	for at := range d.virtual {
		used[at.Addr] = true
	}
	for addr := range d.bound {
		if used[addr] {
			continue
		}
		if err := d.link.AddrDel(d.linkRef(), hostAddr(addr)); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
			return fmt.Errorf("unbind %s: %w", addr, err)
		}
		delete(d.bound, addr)
	}
	return nil
}

func (d *Dataplane) linkRef() netlink.Link {
	return &netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Name: device, Index: d.index}}
}

func hostAddr(addr netip.Addr) *netlink.Addr {
	return &netlink.Addr{IPNet: &net.IPNet{IP: addr.AsSlice(), Mask: net.CIDRMask(32, 32)}}
}
