// Package networktest is the suite that every network.Network passes, and namespaces to run
// real ones in: a host of its own for each test, so that the machine's network is not touched.
package networktest

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"taffrail.dev/nodeagent/network"
	"taffrail.dev/nodeagent/network/netns"
)

// Subject is an implementation under test.
type Subject struct {
	Network network.Network
	// Host is the path of the namespace that is the host; "" for a network without traffic.
	Host string
	// Restart makes the implementation anew over what the last one left; nil if it keeps nothing.
	Restart func(t *testing.T) network.Network
}

// Run runs the suite; start makes a subject that is its test's alone.
func Run(t *testing.T, start func(t *testing.T) Subject) {
	for name, test := range map[string]func(t *testing.T, s Subject){
		"addresses": addresses, "repeat": repeat, "teardown": teardown, "prune": prune, "canceled": canceled,
		"host port taken": hostPortTaken, "traffic": traffic, "host ports": hostPorts, "restart": restart, "many": many,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start(t))
		})
	}
}

// Namespace makes a network namespace that ends with the test.
func Namespace(t testing.TB, name string) string {
	t.Helper()
	all := netns.Namespaces{Dir: t.TempDir()}
	path, err := all.Create(name)
	must(t, err)
	t.Cleanup(func() { must(t, all.Remove(name)) })
	return path
}

// sandbox makes a sandbox and its namespace.
func sandbox(t testing.TB, id string, ports ...network.HostPort) network.Sandbox {
	return network.Sandbox{
		PodNamespace: "default", PodName: "pod-" + id, PodUID: "uid-" + id, SandboxID: id,
		NetNS: Namespace(t, id), HostPorts: ports,
	}
}

func addresses(t *testing.T, s Subject) {
	seen := map[netip.Addr]bool{}
	for i := range 5 {
		result := setup(t, s.Network, sandbox(t, fmt.Sprint("s", i)))
		if addr := result.IPs[0]; seen[addr] || addr == result.Gateway || result.Interface != "eth0" {
			t.Fatalf("sandbox %d got %+v, seen %v", i, result, seen)
		}
		seen[result.IPs[0]] = true
	}
}

func repeat(t *testing.T, s Subject) {
	pod := sandbox(t, "a")
	if first, second := setup(t, s.Network, pod), setup(t, s.Network, pod); !slices.Equal(first.IPs, second.IPs) {
		t.Fatalf("repeated Setup: %v, then %v", first, second)
	}
}

func teardown(t *testing.T, s Subject) {
	pod := sandbox(t, "a", network.HostPort{Protocol: "tcp", HostPort: 8080, ContainerPort: 80})
	must(t, s.Network.Teardown(t.Context(), pod))
	setup(t, s.Network, pod)
	must(t, s.Network.Teardown(t.Context(), pod))
	must(t, s.Network.Teardown(t.Context(), pod))
	gone := pod
	gone.NetNS = "/nonexistent"
	must(t, s.Network.Teardown(t.Context(), gone))
	setup(t, s.Network, pod)
}

func prune(t *testing.T, s Subject) {
	port := network.HostPort{Protocol: "udp", HostPort: 53, ContainerPort: 53}
	keep, drop := sandbox(t, "keep"), sandbox(t, "drop", port)
	before := setup(t, s.Network, keep)
	setup(t, s.Network, drop)
	must(t, s.Network.Prune(t.Context(), map[string]bool{"keep": true}))
	if after := setup(t, s.Network, keep); !slices.Equal(before.IPs, after.IPs) {
		t.Fatalf("Prune moved a live sandbox from %v to %v", before.IPs, after.IPs)
	}
	setup(t, s.Network, sandbox(t, "other", port))
}

func canceled(t *testing.T, s Subject) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	pod := sandbox(t, "a")
	if result, err := s.Network.Setup(ctx, pod); err == nil {
		t.Fatalf("Setup under an ended context: %v", result)
	}
	must(t, s.Network.Teardown(t.Context(), pod))
}

func hostPortTaken(t *testing.T, s Subject) {
	port := network.HostPort{Protocol: "tcp", HostPort: 8080, ContainerPort: 80}
	setup(t, s.Network, sandbox(t, "a", port))
	if result, err := s.Network.Setup(t.Context(), sandbox(t, "b", port)); err == nil {
		t.Fatalf("two sandboxes share a host port: %v", result)
	}
	port.Protocol = "udp"
	setup(t, s.Network, sandbox(t, "c", port))
}

// many is fifty pods at once, and all addresses given back.
func many(t *testing.T, s Subject) {
	pods := make([]network.Sandbox, 50)
	for i := range pods {
		pods[i] = sandbox(t, fmt.Sprint("s", i))
	}
	for _, do := range []func(network.Sandbox) error{
		func(p network.Sandbox) error { _, err := s.Network.Setup(t.Context(), p); return err },
		func(p network.Sandbox) error { return s.Network.Teardown(t.Context(), p) },
	} {
		start := time.Now()
		var group sync.WaitGroup
		for _, pod := range pods {
			group.Go(func() {
				if err := do(pod); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		t.Logf("%d sandboxes in %v", len(pods), time.Since(start))
	}
}

func restart(t *testing.T, s Subject) {
	if s.Restart == nil {
		return
	}
	port := network.HostPort{Protocol: "tcp", HostPort: 8080, ContainerPort: 80}
	pod, leaked := sandbox(t, "a", port), sandbox(t, "leaked")
	before := setup(t, s.Network, pod)
	setup(t, s.Network, leaked)
	again := s.Restart(t)
	must(t, again.Prune(t.Context(), map[string]bool{"a": true}))
	if after := setup(t, again, pod); !slices.Equal(before.IPs, after.IPs) {
		t.Fatalf("after a restart the sandbox has %v, had %v", after.IPs, before.IPs)
	}
	serve(t, pod.NetNS, "tcp", ":80", "pod")
	answer(t, s.Host, "tcp", netip.AddrPortFrom(before.Gateway, 8080), "pod")
	must(t, again.Teardown(t.Context(), pod))
	setup(t, again, sandbox(t, "b", port))
}

func setup(t testing.TB, n network.Network, s network.Sandbox) network.Result {
	t.Helper()
	result, err := n.Setup(t.Context(), s)
	must(t, err)
	if len(result.IPs) == 0 {
		t.Fatalf("Setup of %s gave no address", s.SandboxID)
	}
	t.Cleanup(func() { must(t, n.Teardown(context.Background(), s)) })
	return result
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
