package bootstraptokens_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/events/process/processtest"
	"taffrail.dev/events/subject"
	"taffrail.dev/services/bootstraptokens"
)

func TestScenarios(t *testing.T) {
	t.Parallel()
	processtest.Run(t, "testdata/*.txt", processtest.Suite{
		New:   bootstraptokens.New,
		Kinds: []processtest.Kind{processtest.KindOf[corev1.Secret](subject.Secrets, "v1", "Secret")},
	})
}
