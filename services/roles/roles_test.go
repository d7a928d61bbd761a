package roles_test

import (
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"

	"taffrail.dev/events/process/processtest"
	"taffrail.dev/events/subject"
	"taffrail.dev/services/roles"
)

func TestScenarios(t *testing.T) {
	t.Parallel()
	processtest.Run(t, "testdata/*.txt", processtest.Suite{
		New:   roles.New,
		Kinds: []processtest.Kind{processtest.KindOf[rbacv1.ClusterRole](subject.ClusterRoles, "rbac.authorization.k8s.io/v1", "ClusterRole")},
	})
}
