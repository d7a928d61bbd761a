package network_test

import (
	"context"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"taffrail.dev/nodeagent/network"
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
