package serviceaccount_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/events/process"
	"taffrail.dev/events/process/processtest"
	"taffrail.dev/events/subject"
	"taffrail.dev/services/serviceaccount"
)

func TestScenarios(t *testing.T) {
	t.Parallel()
	processtest.Run(t, "testdata/*.txt", processtest.Suite{
		New: func() *process.Controller { return serviceaccount.New("PEM") },
		Kinds: []processtest.Kind{
			processtest.KindOf[corev1.Namespace](subject.Namespaces, "v1", "Namespace"),
			processtest.KindOf[corev1.ServiceAccount](subject.ServiceAccounts, "v1", "ServiceAccount"),
			processtest.KindOf[corev1.ConfigMap](subject.ConfigMaps, "v1", "ConfigMap"),
		},
	})
}
