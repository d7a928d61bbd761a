package pod_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"taffrail.dev/nodeagent/pod"
)

func parse(t *testing.T, text string) *corev1.Pod {
	t.Helper()
	p := &corev1.Pod{}
	if err := yaml.UnmarshalStrict([]byte(text), p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestExceeds(t *testing.T) {
	t.Parallel()
	p := parse(t, `
spec:
  volumes: [{name: cache, emptyDir: {sizeLimit: 1Mi}}, {name: free, emptyDir: {}}]
  containers:
  - {name: a, image: i, resources: {limits: {ephemeral-storage: 1Mi}}}
  - {name: b, image: i, resources: {limits: {ephemeral-storage: 2Mi}}}
`)
	const mebibyte = 1 << 20
	for want, s := range map[string]pod.Storage{
		"": {Volumes: map[string]int64{"cache": mebibyte}, Containers: map[string]int64{"a": mebibyte, "b": mebibyte}},
		`Usage of EmptyDir volume "cache" exceeds the limit "1Mi". `:                    {Volumes: map[string]int64{"cache": mebibyte + 1}},
		"Pod ephemeral local storage usage exceeds the total limit of containers 3Mi. ": {Volumes: map[string]int64{"free": 4 * mebibyte}},
		`Container a exceeded its local ephemeral storage limit "1Mi". `:                {Containers: map[string]int64{"a": 2 * mebibyte}},
	} {
		if got := pod.Exceeds(p, s); got != want {
			t.Errorf("%+v: %q, want %q", s, got, want)
		}
	}
	if !pod.LimitsStorage(p) || pod.LimitsStorage(parse(t, "spec: {volumes: [{name: free, emptyDir: {}}], containers: [{name: a, image: i}]}")) {
		t.Error("which pods have limits")
	}
}

func TestRequestsArePeaks(t *testing.T) {
	t.Parallel()
	p := parse(t, `
spec:
  initContainers:
  - {name: side, image: i, restartPolicy: Always, resources: {limits: {memory: 10}}}
  - {name: big, image: i, resources: {limits: {memory: 100}}}
  - {name: late, image: i, restartPolicy: Always, resources: {limits: {memory: 5}}}
  containers:
  - {name: a, image: i, resources: {limits: {memory: 20}}}
`)
	if total, all := pod.Requests(p, corev1.ResourceMemory, true); total != 110 || !all {
		t.Errorf("at the peak %d, %v", total, all)
	}
	p.Spec.Containers[0].Resources.Limits[corev1.ResourceMemory] = p.Spec.InitContainers[1].Resources.Limits[corev1.ResourceMemory]
	if total, all := pod.Requests(p, corev1.ResourceMemory, true); total != 115 || !all {
		t.Errorf("at the peak %d, %v", total, all)
	}
	delete(p.Spec.InitContainers[1].Resources.Limits, corev1.ResourceMemory)
	if _, all := pod.Requests(p, corev1.ResourceMemory, true); all {
		t.Error("an init container has no limit")
	}
}
