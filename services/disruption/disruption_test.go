package disruption_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"

	"taffrail.dev/events/process/processtest"
	"taffrail.dev/events/subject"
	"taffrail.dev/services/disruption"
)

func TestScenarios(t *testing.T) {
	t.Parallel()
	processtest.Run(t, "testdata/*.txt", processtest.Suite{
		New: disruption.New,
		Kinds: []processtest.Kind{
			processtest.KindOf[policyv1.PodDisruptionBudget](subject.Resource{Group: "policy", Name: "poddisruptionbudgets"}, "policy/v1", "PodDisruptionBudget"),
			processtest.KindOf[corev1.Pod](subject.Pods, "v1", "Pod"),
		},
	})
}
