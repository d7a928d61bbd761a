package dataplane_test

import (
	"net/netip"
	"testing"

	"taffrail.dev/nodeagent/network/networktest"
	"taffrail.dev/nodeagent/proxy/dataplane"
)

func TestChoose(t *testing.T) {
	t.Parallel()
	config := dataplane.Config{Pods: netip.MustParsePrefix("10.244.0.0/16"), HostNS: networktest.Namespace(t, "host")}
	plane, mode, err := dataplane.Choose(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := plane.Open(t.Context()); err != nil {
		t.Fatal(mode, err)
	}
	if err := plane.Close(); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := dataplane.Cleanup(t.Context(), config); err != nil {
			t.Error(err)
		}
	}
	config.Mode = "userspace"
	if _, _, err := dataplane.Choose(config); err == nil {
		t.Error("chose a mode that does not exist")
	}
}
