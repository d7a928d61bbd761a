package nftables_test

import (
	"fmt"
	"net/netip"
	"testing"

	"taffrail.dev/nodeagent/network/networktest"
	"taffrail.dev/nodeagent/proxy"
	"taffrail.dev/nodeagent/proxy/dataplanetest"
	"taffrail.dev/nodeagent/proxy/nftables"
)

func TestDataplane(t *testing.T) {
	dataplanetest.Run(t, func(_ testing.TB, node string) proxy.Dataplane {
		return nftables.New(nftables.Config{Pods: dataplanetest.Pods, HostNS: node})
	})
}

// BenchmarkUpdate is a full table of services with ten backends each, a change of one backend
// in it, and adopting it after a restart.
func BenchmarkUpdate(b *testing.B) {
	for _, services := range []int{1_000, 10_000} {
		node := networktest.Namespace(b, "node")
		servers := make([]proxy.Server, services)
		for i := range servers {
			servers[i] = server(i, 0)
		}
		start := func(b *testing.B) proxy.Dataplane {
			plane := nftables.New(nftables.Config{Pods: dataplanetest.Pods, HostNS: node})
			check(b, plane.Open(b.Context()))
			return plane
		}
		b.Run(fmt.Sprintf("full/%d", services), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				plane := start(b)
				check(b, plane.Cleanup(b.Context()))
				check(b, plane.Close())
				plane = start(b)
				b.StartTimer()
				check(b, plane.Update(b.Context(), servers))
				check(b, plane.Close())
			}
		})
		b.Run(fmt.Sprintf("adopt/%d", services), func(b *testing.B) {
			for b.Loop() {
				plane := start(b)
				check(b, plane.Update(b.Context(), servers))
				check(b, plane.Close())
			}
		})
		b.Run(fmt.Sprintf("one of %d", services), func(b *testing.B) {
			plane := start(b)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				check(b, plane.Update(b.Context(), []proxy.Server{server(i%services, i/services%2+1)}))
			}
			check(b, plane.Close())
		})
		check(b, start(b).Cleanup(b.Context()))
	}
}

// server is the i-th service's, one of whose backends is as variant says.
func server(i, variant int) proxy.Server {
	s := proxy.Server{Frontend: proxy.Frontend{
		Protocol: proxy.TCP, Port: 80, Addr: netip.AddrFrom4([4]byte{10, 96, byte(i >> 8), byte(i)}),
	}}
	for e := range 10 {
		last := byte(0)
		if e == 9 {
			last = byte(variant)
		}
		addr := netip.AddrFrom4([4]byte{10, 244 + last, byte(e), byte(i)})
		s.Backends = append(s.Backends, proxy.Backend{AddrPort: netip.AddrPortFrom(addr, uint16(1+i/256))})
	}
	return s
}

func check(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
