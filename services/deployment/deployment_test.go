package deployment_test

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/events/process/processtest"
	"taffrail.dev/events/subject"
	"taffrail.dev/services/deployment"
)

func TestScenarios(t *testing.T) {
	t.Parallel()
	processtest.Run(t, "testdata/*.txt", processtest.Suite{
		New: deployment.New,
		Kinds: []processtest.Kind{
			processtest.KindOf[corev1.Pod](subject.Pods, "v1", "Pod"),
			processtest.KindOf[corev1.Event](subject.CoreEvents, "v1", "Event"),
			processtest.KindOf[appsv1.ReplicaSet](subject.ReplicaSets, "apps/v1", "ReplicaSet"),
			processtest.KindOf[appsv1.Deployment](subject.Deployments, "apps/v1", "Deployment"),
		},
	})
}
