package networktest

import (
	"bufio"
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"taffrail.dev/nodeagent/network"
	"taffrail.dev/nodeagent/network/netns"
)

// Patience is how long an answer on one machine may take at worst.
const Patience = 5 * time.Second

// traffic is pod to pod, pod to itself, host to pod and pod to host.
func traffic(t *testing.T, s Subject) {
	if s.Host == "" {
		return
	}
	a, b := sandbox(t, "a"), sandbox(t, "b")
	toA, toB := setup(t, s.Network, a).IPs[0], setup(t, s.Network, b)
	serve(t, a.NetNS, "tcp", ":80", "a")
	serve(t, b.NetNS, "udp", ":53", "b")
	serve(t, s.Host, "tcp", ":90", "host")
	answer(t, b.NetNS, "tcp", netip.AddrPortFrom(toA, 80), "a")
	answer(t, a.NetNS, "tcp", netip.AddrPortFrom(toA, 80), "a")
	answer(t, s.Host, "tcp", netip.AddrPortFrom(toA, 80), "a")
	answer(t, a.NetNS, "udp", netip.AddrPortFrom(toB.IPs[0], 53), "b")
	answer(t, a.NetNS, "tcp", netip.AddrPortFrom(toB.Gateway, 90), "host")
}

// hostPorts are reached from the host, by loopback too, from another pod and from the pod itself.
func hostPorts(t *testing.T, s Subject) {
	if s.Host == "" {
		return
	}
	a := sandbox(t, "a",
		network.HostPort{Protocol: "tcp", HostPort: 8080, ContainerPort: 80},
		network.HostPort{Protocol: "udp", HostPort: 5353, ContainerPort: 53, HostIP: netip.MustParseAddr("127.0.0.1")})
	b := sandbox(t, "b")
	gateway := setup(t, s.Network, a).Gateway
	setup(t, s.Network, b)
	serve(t, a.NetNS, "tcp", ":80", "a")
	serve(t, a.NetNS, "udp", ":53", "a")
	loopback := netip.MustParseAddr("127.0.0.1")
	for _, from := range []string{s.Host, a.NetNS, b.NetNS} {
		answer(t, from, "tcp", netip.AddrPortFrom(gateway, 8080), "a")
	}
	answer(t, s.Host, "tcp", netip.AddrPortFrom(loopback, 8080), "a")
	answer(t, s.Host, "udp", netip.AddrPortFrom(loopback, 5353), "a")
	must(t, s.Network.Teardown(t.Context(), a))
	if _, err := Ask(s.Host, "tcp", netip.AddrPortFrom(gateway, 8080), time.Second); err == nil {
		t.Fatal("a host port answers after Teardown")
	}
}

func serve(t testing.TB, ns, protocol, address, name string) {
	t.Helper()
	Serve(t, ns, protocol, address, func(net.Addr) string { return name })
}

func answer(t testing.TB, from, protocol string, to netip.AddrPort, want string) {
	t.Helper()
	got, err := Ask(from, protocol, to, Patience)
	if err != nil || got != want {
		t.Fatalf("%s to %s: %q, %v; want %q", protocol, to, got, err, want)
	}
}

// Serve answers every line that comes to the address in the namespace, over "tcp" or "udp",
// by what reply says to its sender, until the test ends.
func Serve(t testing.TB, ns, protocol, address string, reply func(from net.Addr) string) {
	t.Helper()
	must(t, netns.Do(ns, func() error {
		if protocol == "udp" {
			conn, err := net.ListenPacket("udp4", address)
			if err == nil {
				t.Cleanup(func() { conn.Close() })
				go servePackets(conn, reply)
			}
			return err
		}
		listener, err := net.Listen("tcp4", address)
		if err == nil {
			t.Cleanup(func() { listener.Close() })
			go serveStreams(listener, reply)
		}
		return err
	}))
}

func servePackets(conn net.PacketConn, reply func(net.Addr) string) {
	buffer := make([]byte, 512)
	for {
		_, from, err := conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		conn.WriteTo([]byte(reply(from)+"\n"), from)
	}
}

func serveStreams(listener net.Listener, reply func(net.Addr) string) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			for lines := bufio.NewScanner(conn); lines.Scan(); {
				conn.Write([]byte(reply(conn.RemoteAddr()) + "\n"))
			}
		}()
	}
}

// Ask sends a line from the namespace and returns the line that answers it.
func Ask(from, protocol string, to netip.AddrPort, within time.Duration) (string, error) {
	conn, err := Dial(from, protocol, to, within)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	return Say(conn, within)
}

// Dial connects from the namespace.
func Dial(from, protocol string, to netip.AddrPort, within time.Duration) (conn net.Conn, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	err = netns.Do(from, func() error {
		conn, err = new(net.Dialer).DialContext(ctx, protocol+"4", to.String())
		return err
	})
	return conn, err
}

// Say sends a line on the connection and returns the line that answers it.
func Say(conn net.Conn, within time.Duration) (string, error) {
	if err := conn.SetDeadline(time.Now().Add(within)); err != nil {
		return "", err
	}
	if _, err := conn.Write([]byte("hello\n")); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	return strings.TrimSpace(line), err
}
