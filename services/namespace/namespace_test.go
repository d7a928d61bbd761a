package namespace_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/events/process"
	"taffrail.dev/events/process/processtest"
	"taffrail.dev/events/subject"
	"taffrail.dev/services/namespace"
)

func TestScenarios(t *testing.T) {
	t.Parallel()
	processtest.Run(t, "testdata/*.txt", processtest.Suite{
		New: func() *process.Controller {
			return namespace.New([]subject.Resource{subject.Pods, subject.ConfigMaps, subject.Services})
		},
		Kinds: []processtest.Kind{
			processtest.KindOf[corev1.Namespace](subject.Namespaces, "v1", "Namespace"),
			processtest.KindOf[corev1.Namespace](subject.Resource{Name: "namespaces/finalize"}, "v1", "NamespaceFinalize"),
			processtest.KindOf[corev1.Pod](subject.Pods, "v1", "Pod"),
			processtest.KindOf[corev1.ConfigMap](subject.ConfigMaps, "v1", "ConfigMap"),
			processtest.KindOf[corev1.Service](subject.Services, "v1", "Service"),
		},
	})
}
