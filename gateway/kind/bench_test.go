package kind_test

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// BenchmarkPodCreate is a new pod's defaults, preparation and validation; BenchmarkPodCopy
// is the copy that it begins with.
func BenchmarkPodCreate(b *testing.B) {
	k := kindOf(b, "pods")
	template := typicalPod()
	b.ReportAllocs()
	for b.Loop() {
		p := template.DeepCopy()
		k.Default(p)
		k.Prepare(p, nil)
		if errs := k.Validate(p, nil); len(errs) > 0 {
			b.Fatal(errs.ToAggregate())
		}
	}
}

func BenchmarkPodCopy(b *testing.B) {
	template := typicalPod()
	b.ReportAllocs()
	for b.Loop() {
		_ = template.DeepCopy()
	}
}

func BenchmarkPodStatusUpdate(b *testing.B) {
	k := kindOf(b, "pods")
	status := sub(b, k, "status")
	old, now := typicalPod(), typicalPod()
	now.Status.Phase = corev1.PodRunning
	b.ReportAllocs()
	for b.Loop() {
		status.Prepare(now, old)
		if errs := status.Validate(now, old); len(errs) > 0 {
			b.Fatal(errs.ToAggregate())
		}
	}
}

// BenchmarkServiceAllocate is an address and a node port among 2,000 services.
func BenchmarkServiceAllocate(b *testing.B) {
	c := newCluster(b, "10.96.0.0/16")
	for i := range 2000 {
		if _, err := c.write(service(fmt.Sprintf("s%d", i), corev1.ServiceTypeNodePort), nil); err != nil {
			b.Fatal(err)
		}
	}
	s := service("one", corev1.ServiceTypeNodePort)
	b.ReportAllocs()
	for b.Loop() {
		stored, err := c.write(s, nil)
		if err != nil {
			b.Fatal(err)
		}
		if err := c.kind.Allocate(c, nil, stored); err != nil {
			b.Fatal(err)
		}
	}
}

func typicalPod() *corev1.Pod {
	list := func(cpu, memory string) corev1.ResourceList {
		return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory)}
	}
	probe := func() *corev1.Probe {
		return &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromString("http")}}}
	}
	container := func(name string) corev1.Container {
		return corev1.Container{
			Name: name, Image: "registry.example.com/team/app:1.2.3",
			Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
			Env: []corev1.EnvVar{{Name: "A", Value: "b"}, {Name: "POD_NAME", ValueFrom: &corev1.EnvVarSource{
				FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"},
			}}},
			Resources:     corev1.ResourceRequirements{Requests: list("100m", "64Mi"), Limits: list("1", "128Mi")},
			LivenessProbe: probe(), ReadinessProbe: probe(),
			VolumeMounts: []corev1.VolumeMount{{Name: "config", MountPath: "/etc/app"}},
		}
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", Labels: map[string]string{"app.kubernetes.io/name": "web"}},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{container("app"), container("side")},
			Volumes: []corev1.Volume{{Name: "config", VolumeSource: corev1.VolumeSource{
				ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "app"}},
			}}},
		},
	}
}
