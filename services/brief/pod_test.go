package brief_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/services/brief"
	"taffrail.dev/services/selection"
)

// whole is a pod with everything that is read of one, and much that is not.
func whole() *corev1.Pod {
	at, yes, always := metav1.NewTime(time.Unix(1700000000, 0)), true, corev1.ContainerRestartPolicyAlways
	container := corev1.Container{
		Name: "server", Image: "registry.example.com/server:v1", Env: []corev1.EnvVar{{Name: "A", Value: "b"}},
		Ports:     []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}, {Name: "dns", ContainerPort: 53, Protocol: corev1.ProtocolUDP}},
		Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{"cpu": resource.MustParse("1")}},
	}
	mesh := corev1.Container{Name: "mesh", RestartPolicy: &always, Ports: []corev1.ContainerPort{{Name: "admin", ContainerPort: 15000}}}
	setup := corev1.Container{Name: "setup", Ports: []corev1.ContainerPort{{Name: "setup", ContainerPort: 1}}}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: "web-1", Namespace: "shop", UID: "uid-1", Generation: 3, CreationTimestamp: at, DeletionTimestamp: &at,
			Labels: map[string]string{"app": "web", "tier": "front"}, Annotations: map[string]string{corev1.PodDeletionCost: "-5", "other": "x"},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Other", Name: "o"}, {APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web", UID: "rs", Controller: &yes}},
			ManagedFields:   []metav1.ManagedFieldsEntry{{Manager: "kubectl", FieldsV1: metav1.NewFieldsV1(`{"f:spec":{}}`)}},
		},
		Spec: corev1.PodSpec{
			NodeName: "node-1", Hostname: "web", Subdomain: "sub", SchedulerName: "mine", SchedulingGates: []corev1.PodSchedulingGate{{Name: "wait"}},
			Containers: []corev1.Container{container}, InitContainers: []corev1.Container{setup, mesh},
			Tolerations: []corev1.Toleration{{Key: "gpu", Operator: corev1.TolerationOpExists}},
			Volumes: []corev1.Volume{
				{Name: "config", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{Items: []corev1.KeyToPath{{Key: "a", Path: "b"}}}}},
				{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "disk"}}},
				{Name: "again", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "disk"}}},
				{Name: "scratch", VolumeSource: corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{VolumeClaimTemplate: &corev1.PersistentVolumeClaimTemplate{}}}},
			},
		},
		Status: corev1.PodStatus{
			Phase: corev1.PodRunning, PodIP: "10.42.0.7", PodIPs: []corev1.PodIP{{IP: "10.42.0.7"}, {IP: "fd00::7"}},
			Conditions: []corev1.PodCondition{
				{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: at},
				{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue},
			},
			ContainerStatuses:     []corev1.ContainerStatus{{Name: "server", RestartCount: 2, ImageID: "sha256:1"}},
			InitContainerStatuses: []corev1.ContainerStatus{{Name: "setup", RestartCount: 9}, {Name: "mesh", RestartCount: 4}},
		},
	}
}

func briefOf(t testing.TB, pod *corev1.Pod) *brief.Pod {
	t.Helper()
	state, err := pod.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	p := &brief.Pod{}
	if err := p.Unmarshal(state); err != nil {
		t.Fatal(err)
	}
	p.SetResourceVersion("17")
	return p
}

func TestPod(t *testing.T) {
	t.Parallel()
	pod := whole()
	p := briefOf(t, pod)
	owner, controlled := p.Controller()
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"name", p.GetName(), "web-1"}, {"namespace", p.GetNamespace(), "shop"}, {"uid", p.GetUID(), pod.UID},
		{"version", p.GetResourceVersion(), "17"}, {"generation", p.Generation, int64(3)},
		{"labels", p.Labels, selection.LabelsOf(pod.Labels)}, {"created", p.Created.Unix(), int64(1700000000)},
		{"terminating", p.Terminating, true}, {"gated", p.Gated, true}, {"scheduler", p.Scheduler(), "mine"},
		{"node", p.Node(), "node-1"}, {"hostname", p.Hostname + "." + p.Subdomain, "web.sub"},
		{"phase", p.Phase, corev1.PodRunning}, {"finished", p.Finished(), false}, {"IPs", p.IPs, []string{"10.42.0.7", "fd00::7"}},
		{"ready", p.Ready, true}, {"since", p.ReadySince.Unix(), int64(1700000000)}, {"disrupted", p.Disrupted, true},
		{"cost", p.DeletionCost, int32(-5)}, {"restarts", [2]int32{p.Restarts, p.SidecarRestarts}, [2]int32{2, 4}},
		{"owner", owner, brief.Owner{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web", UID: "rs"}}, {"controlled", controlled, true},
		{"tolerations", p.Tolerations(), pod.Spec.Tolerations}, {"claims", p.Claims, []string{"disk", "web-1-scratch"}},
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("%s is %v, not %v", c.what, c.got, c.want)
		}
	}
}

func TestPodPorts(t *testing.T) {
	t.Parallel()
	p := briefOf(t, whole())
	for _, c := range []struct {
		name     string
		protocol corev1.Protocol
		want     int32
	}{{"http", corev1.ProtocolTCP, 8080}, {"dns", corev1.ProtocolUDP, 53}, {"dns", corev1.ProtocolTCP, 0}, {"admin", corev1.ProtocolTCP, 15000}, {"setup", corev1.ProtocolTCP, 0}} {
		if got, found := p.Port(c.name, c.protocol); got != c.want || found != (c.want != 0) {
			t.Errorf("port %s/%s is %d, %v, not %d", c.name, c.protocol, got, found, c.want)
		}
	}
	other := whole()
	other.Spec.Containers[0].Image = "registry.example.com/server:v2"
	if !p.SamePorts(briefOf(t, other)) {
		t.Error("another image is other ports")
	}
	other.Spec.Containers[0].Ports[0].ContainerPort++
	if p.SamePorts(briefOf(t, other)) {
		t.Error("another port is the same ports")
	}
}

func TestPodOfNothing(t *testing.T) {
	t.Parallel()
	p := briefOf(t, &corev1.Pod{Status: corev1.PodStatus{PodIP: "10.42.0.8"}})
	if _, controlled := p.Controller(); controlled || p.Node() != "" || p.GetNamespace() != "" || p.Tolerations() != nil || p.Labels != (selection.Labels{}) {
		t.Errorf("an empty pod is %+v", p)
	}
	if !slices.Equal(p.IPs, []string{"10.42.0.8"}) {
		t.Errorf("its addresses are %v", p.IPs)
	}
}

// FuzzPod: what the API's own decoder reads, the brief one reads alike; what it refuses does no harm.
func FuzzPod(f *testing.F) {
	state, err := whole().Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(state)
	f.Add([]byte{})
	f.Add([]byte{0x12, 0x03, 0x0a, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, state []byte) {
		var want corev1.Pod
		p := &brief.Pod{}
		if briefly, wholly := p.Unmarshal(state), want.Unmarshal(state); briefly != nil || wholly != nil {
			return
		}
		if p.Name != want.Name || p.UID != want.UID || p.GetNamespace() != want.Namespace || p.Node() != want.Spec.NodeName ||
			p.Phase != want.Status.Phase || p.Terminating != (want.DeletionTimestamp != nil) || len(p.Tolerations()) != len(want.Spec.Tolerations) {
			t.Fatalf("%x is read as %+v, not %+v", state, p, want)
		}
	})
}
