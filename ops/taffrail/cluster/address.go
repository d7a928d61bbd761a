package cluster

import (
	"errors"
	"net"
	"net/netip"
)

// hostAddress is the address that this machine is reached by: that of its default
// route, else its first that is neither loopback nor link-local. Nothing is sent.
func hostAddress() (netip.Addr, error) {
	if conn, err := net.Dial("udp4", "192.0.2.1:9"); err == nil {
		defer conn.Close()
		if local, ok := conn.LocalAddr().(*net.UDPAddr); ok {
			if ip := local.AddrPort().Addr().Unmap(); usable(ip) {
				return ip, nil
			}
		}
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return netip.Addr{}, err
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP.To4()); ok && usable(ip) {
				return ip, nil
			}
		}
	}
	return netip.Addr{}, errors.New("this machine has no address but loopback: name one with --node-ip")
}

func usable(ip netip.Addr) bool { return ip.Is4() && !ip.IsLoopback() && !ip.IsLinkLocalUnicast() }
