package garbage_test

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"taffrail.dev/events/process"
	"taffrail.dev/events/process/processtest"
	"taffrail.dev/events/subject"
	"taffrail.dev/services/garbage"
)

var definitions = subject.Resource{Group: "apiextensions.k8s.io", Name: "customresourcedefinitions"}

func resources() []subject.Resource {
	return []subject.Resource{
		subject.Nodes, subject.Pods, subject.ConfigMaps, subject.ReplicaSets, subject.Deployments, subject.CoordinationLeases, subject.CoreEvents,
		definitions,
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
			processtest.KindOf[apiextensionsv1.CustomResourceDefinition](definitions, "apiextensions.k8s.io/v1", "CustomResourceDefinition"),
			// As far as ownership goes any type will do for a kind that users defined.
			processtest.KindOf[corev1.ConfigMap](subject.Resource{Group: "example.com", Name: "backups"}, "example.com/v1", "Backup"),
			processtest.KindOf[coordinationv1.Lease](subject.CoordinationLeases, "coordination.k8s.io/v1", "Lease"),
		},
	})
}
