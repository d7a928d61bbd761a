package endpoints_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"taffrail.dev/events/process/processtest"
	"taffrail.dev/events/subject"
	"taffrail.dev/services/endpoints"
)

func TestScenarios(t *testing.T) {
	t.Parallel()
	processtest.Run(t, "testdata/*.txt", processtest.Suite{
		New: endpoints.New,
		Kinds: []processtest.Kind{
			processtest.KindOf[corev1.Node](subject.Nodes, "v1", "Node"),
			processtest.KindOf[corev1.Pod](subject.Pods, "v1", "Pod"),
			processtest.KindOf[corev1.Service](subject.Services, "v1", "Service"),
			processtest.KindOf[corev1.Endpoints](subject.Endpoints, "v1", "Endpoints"),
			processtest.KindOf[discoveryv1.EndpointSlice](subject.EndpointSlices, "discovery.k8s.io/v1", "EndpointSlice"),
		},
	})
}
