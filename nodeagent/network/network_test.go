package network_test

import (
	"context"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"taffrail.dev/nodeagent/network"
	"taffrail.dev/nodeagent/network/netns"
	"taffrail.dev/nodeagent/network/networktest"
)

func TestFake(t *testing.T) {
	networktest.Run(t, func(*testing.T) networktest.Subject {
		return networktest.Subject{Network: new(network.Fake)}
	})
}

func TestBridge(t *testing.T) {
	networktest.Run(t, func(t *testing.T) networktest.Subject {
		return subject(t, func(c network.Config) (cleaner, error) { return network.NewBridge(c) })
	})
}

func TestCNI(t *testing.T) {
	plugins := buildPlugins(t)
	networktest.Run(t, func(t *testing.T) networktest.Subject {
		return subject(t, func(c network.Config) (cleaner, error) {
			c.PluginDir = plugins
			return network.NewCNI(c)
		})
	})
}

// TestServiceRoute starts on a host without any route.
func TestServiceRoute(t *testing.T) {
	t.Parallel()
	host := networktest.Namespace(t, "host")
	pods, err := network.NewBridge(network.Config{
		Dir: t.TempDir(), HostNS: host, PodCIDR: netip.MustParsePrefix("10.244.3.0/24"), ServiceCIDR: netip.MustParsePrefix("10.96.0.0/16"),
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := pods.Prune(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		err := netns.Do(host, func() error {
			conn, err := net.Dial("udp4", "10.96.0.10:53")
			if err == nil {
				err = conn.Close()
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := pods.Cleanup(t.Context()); err != nil {
		t.Fatal(err)
	}
}

type cleaner interface {
	network.Network
	Cleanup(context.Context) error
}

// subject starts an implementation on a host of its own.
func subject(t *testing.T, start func(network.Config) (cleaner, error)) networktest.Subject {
	config := network.Config{
		Dir: t.TempDir(), HostNS: networktest.Namespace(t, "host"), PodCIDR: netip.MustParsePrefix("10.244.3.0/24"),
	}
	restart := func(t *testing.T) network.Network {
		n, err := start(config)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := n.Cleanup(context.Background()); err != nil {
				t.Error(err)
			}
		})
		return n
	}
	return networktest.Subject{Network: restart(t), Host: config.HostNS, Restart: restart}
}

// buildPlugins builds the pinned CNI plugins, or takes those already built.
func buildPlugins(t *testing.T) string {
	built, err := filepath.Abs("../../bin")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(built, "bridge")); err == nil {
		return built
	}
	dir := t.TempDir()
	const from = "github.com/containernetworking/plugins/plugins/"
	build := exec.CommandContext(t.Context(), "go", "build", "-o", dir, from+"main/bridge", from+"ipam/host-local")
	build.Dir = "../../ops/thirdparty"
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return dir
}
