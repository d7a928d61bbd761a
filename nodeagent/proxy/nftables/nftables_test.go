package nftables_test

import (
	"testing"

	"taffrail.dev/nodeagent/proxy"
	"taffrail.dev/nodeagent/proxy/dataplanetest"
	"taffrail.dev/nodeagent/proxy/nftables"
)

func TestDataplane(t *testing.T) {
	dataplanetest.Run(t, func(_ testing.TB, node string) proxy.Dataplane {
		return nftables.New(nftables.Config{Pods: dataplanetest.Pods, HostNS: node})
	})
}
