package ipvs_test

import (
	"testing"

	"taffrail.dev/nodeagent/proxy"
	"taffrail.dev/nodeagent/proxy/dataplanetest"
	"taffrail.dev/nodeagent/proxy/ipvs"
)

// TestDataplane runs where the kernel has IPVS; tests/kernel brings such a kernel.
func TestDataplane(t *testing.T) {
	if err := ipvs.Probe(""); err != nil {
		t.Log(err)
		return
	}
	dataplanetest.Run(t, func(_ testing.TB, node string) proxy.Dataplane {
		return ipvs.New(ipvs.Config{Pods: dataplanetest.Pods, HostNS: node})
	})
}
