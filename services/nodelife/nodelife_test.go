package nodelife_test

import (
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"

	"net/netip"

	"taffrail.dev/events/process"
	"taffrail.dev/events/process/processtest"
	"taffrail.dev/events/subject"
	"taffrail.dev/services/nodelife"
)

func TestScenarios(t *testing.T) {
	t.Parallel()
	processtest.Run(t, "testdata/*.txt", processtest.Suite{
		New: func() *process.Controller {
			return nodelife.New(nodelife.Config{Pods: netip.MustParsePrefix("10.42.0.0/22")})
		},
		Kinds: []processtest.Kind{
			processtest.KindOf[corev1.Pod](subject.Pods, "v1", "Pod"),
			processtest.KindOf[corev1.Node](subject.Nodes, "v1", "Node"),
			processtest.KindOf[corev1.Event](subject.CoreEvents, "v1", "Event"),
			processtest.KindOf[coordinationv1.Lease](subject.CoordinationLeases, "coordination.k8s.io/v1", "Lease"),
		},
	})
}
