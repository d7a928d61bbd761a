package garbage_test

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/events/process"
	"taffrail.dev/events/process/processtest"
	"taffrail.dev/events/subject"
	"taffrail.dev/services/garbage"
)

func resources() []subject.Resource {
	return []subject.Resource{
		subject.Nodes, subject.Pods, subject.ConfigMaps, subject.ReplicaSets, subject.Deployments, subject.CoordinationLeases, subject.CoreEvents,
	}
}

func TestScenarios(t *testing.T) {
	t.Parallel()
	processtest.Run(t, "testdata/*.txt", processtest.Suite{
		New: func() *process.Controller { return garbage.New(resources()) },
		Kinds: []processtest.Kind{
			processtest.KindOf[corev1.Node](subject.Nodes, "v1", "Node"),
			processtest.KindOf[corev1.Pod](subject.Pods, "v1", "Pod"),
			processtest.KindOf[corev1.ConfigMap](subject.ConfigMaps, "v1", "ConfigMap"),
			processtest.KindOf[appsv1.ReplicaSet](subject.ReplicaSets, "apps/v1", "ReplicaSet"),
			processtest.KindOf[appsv1.Deployment](subject.Deployments, "apps/v1", "Deployment"),
			processtest.KindOf[coordinationv1.Lease](subject.CoordinationLeases, "coordination.k8s.io/v1", "Lease"),
		},
	})
}
