package protection_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/events/process/processtest"
	"taffrail.dev/events/subject"
	"taffrail.dev/services/protection"
)

func TestScenarios(t *testing.T) {
	t.Parallel()
	processtest.Run(t, "testdata/*.txt", processtest.Suite{
		New: protection.New,
		Kinds: []processtest.Kind{
			processtest.KindOf[corev1.PersistentVolumeClaim](subject.Resource{Name: "persistentvolumeclaims"}, "v1", "PersistentVolumeClaim"),
			processtest.KindOf[corev1.PersistentVolume](subject.Resource{Name: "persistentvolumes"}, "v1", "PersistentVolume"),
			processtest.KindOf[corev1.Pod](subject.Pods, "v1", "Pod"),
		},
	})
}
