package scheduler_test

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/events/process"
	"taffrail.dev/events/process/processtest"
	"taffrail.dev/events/subject"
	"taffrail.dev/services/scheduler"
)

func TestScenarios(t *testing.T) {
	t.Parallel()
	processtest.Run(t, "testdata/*.txt", processtest.Suite{
		New: func() *process.Controller { return scheduler.New(nil) },
		Kinds: []processtest.Kind{
			processtest.KindOf[corev1.Pod](subject.Pods, "v1", "Pod"),
			processtest.KindOf[corev1.Binding](subject.Resource{Name: "pods/binding"}, "v1", "Binding"),
			processtest.KindOf[corev1.Node](subject.Nodes, "v1", "Node"),
			processtest.KindOf[corev1.Namespace](subject.Namespaces, "v1", "Namespace"),
			processtest.KindOf[corev1.Service](subject.Services, "v1", "Service"),
			processtest.KindOf[corev1.Event](subject.CoreEvents, "v1", "Event"),
			processtest.KindOf[appsv1.ReplicaSet](subject.ReplicaSets, "apps/v1", "ReplicaSet"),
		},
	})
}
