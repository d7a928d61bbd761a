// Package dataplanetest is the suite that every proxy.Dataplane passes, traffic included: a
// node with pods on its bridge and a client beyond its uplink, each a network namespace.
package dataplanetest

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"taffrail.dev/nodeagent/network/networktest"
	"taffrail.dev/nodeagent/proxy"
)

// Start makes a dataplane that serves in the namespace at path node.
type Start func(t testing.TB, node string) proxy.Dataplane

// Pods is the pod network that dataplanes are to be made with.
var Pods = netip.MustParsePrefix("10.244.0.0/16")

const patience = 5 * time.Second

// Run runs the suite.
func Run(t *testing.T, start Start) {
	for name, test := range map[string]func(*bench){
		"virtual address": virtualAddress, "node port": nodePort, "source": source, "hairpin": hairpin,
		"affinity": affinity, "nobody": nobody, "dropped": dropped, "removal": removal, "update under load": updateUnderLoad,
		"drain": drain, "datagrams": datagrams, "restart": restart, "prune": prune, "cleanup": cleanup, "spread": spread,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, start)
			must(t, b.plane.Open(t.Context()))
			test(b)
		})
	}
}

var (
	vip    = netip.MustParseAddr("10.96.0.10")
	web    = proxy.Frontend{Protocol: proxy.TCP, Addr: vip, Port: 80}
	dns    = proxy.Frontend{Protocol: proxy.UDP, Addr: vip, Port: 53}
	onNode = proxy.Frontend{Protocol: proxy.TCP, Port: 30080}
)

// virtualAddress is reached from pods, from the node and from outside.
func virtualAddress(b *bench) {
	b.update(proxy.Server{Frontend: web, Backends: b.backends(80, 0)})
	for _, from := range []string{b.pods[1].ns, b.node, b.client} {
		b.answers(from, web, vip, "pod-0")
	}
}

// nodePort is reached at each of the node's addresses.
func nodePort(b *bench) {
	b.update(proxy.Server{Frontend: onNode, Source: proxy.MasqueradeAll, Backends: b.backends(80, 0)})
	b.answers(b.client, onNode, uplink, "pod-0")
	b.answers(b.client, onNode, gateway, "pod-0")
	b.answers(b.node, onNode, uplink, "pod-0")
	b.answers(b.pods[1].ns, onNode, uplink, "pod-0")
	b.refuses(b.client, proxy.Frontend{Protocol: proxy.TCP, Port: 30081}, uplink)
}

// source is who the backend sees.
func source(b *bench) {
	kept := proxy.Frontend{Protocol: proxy.TCP, Addr: netip.MustParseAddr("203.0.113.7"), Port: 81}
	b.update(
		proxy.Server{Frontend: web, Backends: b.backends(81, 0)},
		proxy.Server{Frontend: onNode, Source: proxy.MasqueradeAll, Backends: b.backends(81, 0)},
		proxy.Server{Frontend: kept, Source: proxy.KeepSource, Backends: b.backends(81, 0)})
	b.answers(b.pods[1].ns, web, vip, b.pods[1].addr.String())
	b.answers(b.client, kept, kept.Addr, outside.String())
	b.answers(b.client, web, vip, gateway.String())
	b.answers(b.pods[1].ns, onNode, uplink, gateway.String())
}

// hairpin is a pod that is its own backend.
func hairpin(b *bench) {
	b.update(
		proxy.Server{Frontend: web, Backends: b.backends(80, 0)},
		proxy.Server{Frontend: dns, Backends: b.backends(53, 0)},
		proxy.Server{Frontend: onNode, Source: proxy.KeepSource, Backends: b.backends(80, 0)})
	b.answers(b.pods[0].ns, web, vip, "pod-0")
	b.answers(b.pods[0].ns, dns, vip, "pod-0")
	b.answers(b.pods[0].ns, onNode, uplink, "pod-0")
}

// affinity holds until the backend is gone.
func affinity(b *bench) {
	server := proxy.Server{Frontend: web, Affinity: time.Hour, Backends: b.backends(80, 0, 1, 2)}
	b.update(server)
	first := b.ask(b.client, web, vip)
	for range 12 {
		b.answers(b.client, web, vip, first)
	}
	gone := slices.Index([]string{"pod-0", "pod-1", "pod-2"}, first)
	server.Backends = slices.Delete(slices.Clone(server.Backends), gone, gone+1)
	b.update(server)
	second := b.ask(b.client, web, vip)
	if second == first {
		b.t.Fatalf("%s answers after it was taken out", first)
	}
	for range 12 {
		b.answers(b.client, web, vip, second)
	}
}

// nobody refuses, at once, and serves as soon as there is somebody.
func nobody(b *bench) {
	b.update(proxy.Server{Frontend: web}, proxy.Server{Frontend: onNode})
	for _, from := range []string{b.node, b.client, b.pods[0].ns} {
		b.refuses(from, web, vip)
	}
	b.refuses(b.client, onNode, uplink)
	b.update(proxy.Server{Frontend: web, Backends: b.backends(80, 0)})
	b.answers(b.client, web, vip, "pod-0")
	b.update(proxy.Server{Frontend: web})
	b.refuses(b.client, web, vip)
}

// dropped does not answer at all.
func dropped(b *bench) {
	b.update(proxy.Server{Frontend: web, Drop: true})
	_, err := networktest.Ask(b.client, "tcp", netip.AddrPortFrom(vip, 80), 300*time.Millisecond)
	if timeout, ok := err.(net.Error); !ok || !timeout.Timeout() {
		b.t.Fatalf("want silence, got %v", err)
	}
}

// removal ends what was served, and nothing else.
func removal(b *bench) {
	other := proxy.Frontend{Protocol: proxy.TCP, Addr: vip, Port: 81}
	b.update(proxy.Server{Frontend: web, Backends: b.backends(80, 0)}, proxy.Server{Frontend: other, Backends: b.backends(80, 1)})
	b.answers(b.client, web, vip, "pod-0")
	must(b.t, b.plane.Delete(b.t.Context(), []proxy.Frontend{web}))
	must(b.t, b.plane.Delete(b.t.Context(), []proxy.Frontend{web}))
	if answer, err := networktest.Ask(b.client, "tcp", netip.AddrPortFrom(vip, 80), time.Second); err == nil {
		b.t.Fatalf("%s answers at a frontend that was deleted", answer)
	}
	b.answers(b.client, other, vip, "pod-1")
}

// updateUnderLoad moves a server between backends while requests run; none fails.
func updateUnderLoad(b *bench) {
	server := proxy.Server{Frontend: web, Backends: b.backends(80, 0)}
	b.update(server)
	ctx, cancel := context.WithCancel(b.t.Context())
	failed := make(chan error, 1)
	go func() {
		for ctx.Err() == nil {
			if _, err := networktest.Ask(b.client, "tcp", netip.AddrPortFrom(vip, 80), patience); err != nil {
				failed <- err
				return
			}
		}
		failed <- nil
	}()
	for i := range 60 {
		server.Backends = b.backends(80, [][]int{{0, 1}, {1}, {1, 2}, {2}, {0, 2}, {0}}[i%6]...)
		b.update(server)
		b.ask(b.pods[1].ns, web, vip)
	}
	cancel()
	must(b.t, <-failed)
}

// drain lets a connection to a backend that was taken out go on.
func drain(b *bench) {
	b.update(proxy.Server{Frontend: web, Backends: b.backends(80, 0)})
	conn, err := networktest.Dial(b.client, "tcp", netip.AddrPortFrom(vip, 80), patience)
	must(b.t, err)
	defer conn.Close()
	say := func() {
		b.t.Helper()
		if got, err := networktest.Say(conn, patience); err != nil || got != "pod-0" {
			b.t.Fatalf("the connection that was open: %q, %v", got, err)
		}
	}
	say()
	b.update(proxy.Server{Frontend: web, Backends: b.backends(80, 1)})
	say()
	for range 4 {
		b.answers(b.client, web, vip, "pod-1")
	}
	say()
}

// datagrams of one flow follow the backends: a flow is sent elsewhere when its backend goes.
func datagrams(b *bench) {
	b.update(proxy.Server{Frontend: dns, Backends: b.backends(53, 0)})
	conn, err := networktest.Dial(b.client, "udp", netip.AddrPortFrom(vip, 53), patience)
	must(b.t, err)
	defer conn.Close()
	for _, pod := range []int{0, 1, 2} {
		b.update(proxy.Server{Frontend: dns, Backends: b.backends(53, pod)})
		want := b.pods[pod].name
		if got, err := networktest.Say(conn, patience); err != nil || got != want {
			b.t.Fatalf("the flow's answer: %q, %v; want %s", got, err, want)
		}
	}
}

// restart adopts what is served, without a break, and goes on from there.
func restart(b *bench) {
	sticky := proxy.Frontend{Protocol: proxy.TCP, Addr: vip, Port: 82}
	empty := proxy.Frontend{Protocol: proxy.TCP, Addr: vip, Port: 83}
	b.update(
		proxy.Server{Frontend: web, Backends: b.backends(80, 0, 1)},
		proxy.Server{Frontend: sticky, Affinity: time.Hour, Backends: b.backends(80, 0, 1)},
		proxy.Server{Frontend: onNode, Source: proxy.MasqueradeAll, Backends: b.backends(80, 0)}, proxy.Server{Frontend: empty})
	first := b.ask(b.client, sticky, vip)
	must(b.t, b.plane.Close())
	b.plane = b.start(b.t, b.node)
	must(b.t, b.plane.Open(b.t.Context()))
	b.ask(b.client, web, vip)
	b.answers(b.client, sticky, vip, first)
	b.update(
		proxy.Server{Frontend: web, Backends: b.backends(80, 2)},
		proxy.Server{Frontend: sticky, Affinity: time.Hour, Backends: b.backends(80, 0, 1)},
		proxy.Server{Frontend: empty, Backends: b.backends(80, 1)}, proxy.Server{Frontend: onNode})
	b.answers(b.client, web, vip, "pod-2")
	b.answers(b.client, empty, vip, "pod-1")
	b.answers(b.client, sticky, vip, first)
	b.refuses(b.client, onNode, uplink)
}

// prune deletes what an earlier process served and nobody wants.
func prune(b *bench) {
	b.update(proxy.Server{Frontend: web, Backends: b.backends(80, 0)}, proxy.Server{Frontend: onNode, Backends: b.backends(80, 0)})
	must(b.t, b.plane.Close())
	b.plane = b.start(b.t, b.node)
	must(b.t, b.plane.Open(b.t.Context()))
	must(b.t, b.plane.Prune(b.t.Context(), func(f proxy.Frontend) bool { return f == web }))
	b.answers(b.client, web, vip, "pod-0")
	b.refuses(b.client, onNode, uplink)
	must(b.t, b.plane.Delete(b.t.Context(), []proxy.Frontend{web, onNode}))
}

// cleanup leaves no rule and no interface, whether or not something was there.
func cleanup(b *bench) {
	before := b.interfaces()
	b.update(proxy.Server{Frontend: web, Backends: b.backends(80, 0)}, proxy.Server{Frontend: onNode, Backends: b.backends(80, 0)})
	must(b.t, b.plane.Close())
	must(b.t, b.plane.Cleanup(b.t.Context()))
	must(b.t, b.plane.Cleanup(b.t.Context()))
	if after := b.interfaces(); len(after) > len(before) {
		b.t.Fatalf("interfaces %v, before %v", after, before)
	}
	b.refuses(b.client, onNode, uplink)
	must(b.t, b.plane.Open(b.t.Context()))
}

// spread uses every backend.
func spread(b *bench) {
	b.update(proxy.Server{Frontend: web, Backends: b.backends(80, 0, 1, 2)})
	seen := map[string]int{}
	for range 60 {
		seen[b.ask(b.client, web, vip)]++
	}
	for _, pod := range b.pods {
		if seen[pod.name] < 5 {
			b.t.Fatalf("of 60 connections: %v", seen)
		}
	}
}
