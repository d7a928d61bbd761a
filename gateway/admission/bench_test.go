package admission

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/gateway/kind"
)

func benchmarkCluster() *cluster {
	return &cluster{have: []kind.Object{
		space("shop", corev1.NamespaceActive), account("default"),
		class("system-cluster-critical", 2000000000, false), class("system-node-critical", 2000001000, false),
	}}
}

func admitAndValidate(plugins []Plugin, q *kind.Request, obj, old kind.Object) error {
	for _, p := range plugins {
		if err := p.Admit(context.Background(), q, obj, old); err != nil {
			return err
		}
	}
	for _, p := range plugins {
		if v, ok := p.(Validator); ok {
			if err := v.Validate(context.Background(), q, obj, old); err != nil {
				return err
			}
		}
	}
	return nil
}

// BenchmarkPodCreate is what all plugins together cost a new pod.
func BenchmarkPodCreate(b *testing.B) {
	plugins, q := Default(), ask(benchmarkCluster(), "create", "pods", "shop", "web")
	containers := []corev1.Container{{Name: "main", Image: "web"}}
	pod := podWith(corev1.PodSpec{Containers: containers})
	fresh := pod.Spec
	b.ReportAllocs()
	for b.Loop() {
		pod.Spec, containers[0].VolumeMounts = fresh, nil
		if err := admitAndValidate(plugins, q, pod, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPodStatus is what they cost a node agent's report, the most frequent write.
func BenchmarkPodStatus(b *testing.B) {
	plugins, q := Default(), ask(benchmarkCluster(), "patch", "pods/status", "shop", "web")
	q.User = kind.User{Name: "system:node:n1", Groups: []string{"system:nodes"}}
	pod, old := boundTo("n1"), boundTo("n1")
	b.ReportAllocs()
	for b.Loop() {
		if err := admitAndValidate(plugins, q, pod, old); err != nil {
			b.Fatal(err)
		}
	}
}
