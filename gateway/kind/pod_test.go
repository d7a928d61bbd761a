package kind_test

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

func sub(t testing.TB, k *kind.Kind, name string) kind.Subresource {
	t.Helper()
	for _, s := range k.Subresources {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("%s has no %s", k.Resource, name)
	return kind.Subresource{}
}

func TestBinding(t *testing.T) {
	t.Parallel()
	bind := sub(t, kindOf(t, "pods"), "binding")
	tx := memory{}
	tx.put(subject.Nodes, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1", Labels: map[string]string{corev1.LabelTopologyZone: "z"}}})
	now := metav1.Now()
	to := func(node string) *corev1.Binding { return &corev1.Binding{Target: corev1.ObjectReference{Name: node}} }
	cases := []struct {
		name string
		pod  corev1.Pod
		body *corev1.Binding
		err  string
	}{
		{"free", corev1.Pod{}, to("n1"), ""},
		{"bound", corev1.Pod{Spec: corev1.PodSpec{NodeName: "n2"}}, to("n1"), `pod web is already assigned to node "n2"`},
		{"deleted", corev1.Pod{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &now}}, to("n1"), "pod web is being deleted, cannot be assigned to a host"},
		{"gated", corev1.Pod{Spec: corev1.PodSpec{SchedulingGates: []corev1.PodSchedulingGate{{Name: "g"}}}}, to("n1"), "has non-empty .spec.schedulingGates"},
		{"nowhere", corev1.Pod{}, to(""), "target.name: Required value"},
		{"another", corev1.Pod{}, &corev1.Binding{ObjectMeta: metav1.ObjectMeta{UID: "x"}, Target: corev1.ObjectReference{Name: "n1"}}, "UID in precondition: x"},
	}
	for _, c := range cases {
		c.pod.Name = "web"
		_, err := bind.Create(context.Background(), &kind.Request{Now: noon}, tx, &c.pod, c.body)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v, want %q", c.name, err, c.err)
			}
			continue
		}
		if err != nil || c.pod.Spec.NodeName != "n1" || c.pod.Labels[corev1.LabelTopologyZone] != "z" {
			t.Errorf("%s: %v %q %v", c.name, err, c.pod.Spec.NodeName, c.pod.Labels)
		}
		if cond := c.pod.Status.Conditions; len(cond) != 1 || cond[0].Type != corev1.PodScheduled || cond[0].Status != corev1.ConditionTrue {
			t.Errorf("%s: conditions %v", c.name, cond)
		}
	}
}

func ready(name string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, Labels: map[string]string{"app": "web"}},
		Spec:       corev1.PodSpec{NodeName: "n1"},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{
			{Type: corev1.PodReady, Status: corev1.ConditionTrue},
		}},
	}
}

func TestEviction(t *testing.T) {
	t.Parallel()
	evict := sub(t, kindOf(t, "pods"), "eviction")
	tx := memory{}
	tx.put(subject.Pods, ready("a"))
	tx.put(subject.Pods, ready("b"))
	request := &kind.Request{Now: noon}
	pod := ready("a")
	if _, err := evict.Create(context.Background(), request, tx, pod, &policyv1.Eviction{}); err != nil {
		t.Fatal(err)
	}
	if pod.DeletionTimestamp == nil || *pod.DeletionGracePeriodSeconds != 30 || !pod.DeletionTimestamp.Time.Equal(noon.Add(30*time.Second)) {
		t.Errorf("deletion at %v, grace %v", pod.DeletionTimestamp, pod.DeletionGracePeriodSeconds)
	}
	if c := pod.Status.Conditions[1]; c.Type != corev1.DisruptionTarget || c.Reason != "EvictionByEvictionAPI" {
		t.Errorf("condition %v", c)
	}
	all := intstr.FromString("100%")
	tx.put(kind.DisruptionBudgets, &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"},
		Spec: policyv1.PodDisruptionBudgetSpec{
			MinAvailable: &all, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
		},
	})
	_, err := evict.Create(context.Background(), request, tx, ready("a"), &policyv1.Eviction{})
	if err == nil || err.Error() != "Cannot evict pod as it would violate the pod's disruption budget." {
		t.Errorf("against the budget: %v", err)
	}
}

func TestPodGrace(t *testing.T) {
	t.Parallel()
	grace := kindOf(t, "pods").Grace
	five, zero, negative := int64(5), int64(0), int64(-1)
	unscheduled, over := ready("a"), ready("a")
	unscheduled.Spec.NodeName = ""
	over.Status.Phase = corev1.PodSucceeded
	own := ready("a")
	own.Spec.TerminationGracePeriodSeconds = &five
	cases := []struct {
		pod   *corev1.Pod
		asked *int64
		want  int64
	}{
		{ready("a"), nil, 30}, {own, nil, 5}, {own, &zero, 0}, {own, &negative, 1}, {unscheduled, nil, 0}, {over, &five, 0},
	}
	for i, c := range cases {
		if got := grace(c.pod, c.asked); got != c.want {
			t.Errorf("case %d: %d, want %d", i, got, c.want)
		}
	}
}

func TestPodQOS(t *testing.T) {
	t.Parallel()
	list := func(cpu, memory string) corev1.ResourceList {
		l := corev1.ResourceList{}
		if cpu != "" {
			l[corev1.ResourceCPU] = resource.MustParse(cpu)
		}
		if memory != "" {
			l[corev1.ResourceMemory] = resource.MustParse(memory)
		}
		return l
	}
	pod := func(requests, limits corev1.ResourceList) *corev1.Pod {
		return &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Resources: corev1.ResourceRequirements{Requests: requests, Limits: limits}}}}}
	}
	cases := []struct {
		pod  *corev1.Pod
		want corev1.PodQOSClass
	}{
		{pod(nil, nil), corev1.PodQOSBestEffort},
		{pod(list("1", ""), nil), corev1.PodQOSBurstable},
		{pod(list("1", "1Gi"), list("1", "1Gi")), corev1.PodQOSGuaranteed},
		{pod(nil, list("1", "1Gi")), corev1.PodQOSGuaranteed},
		{pod(list("1", "1Gi"), list("2", "1Gi")), corev1.PodQOSBurstable},
		{pod(nil, list("1", "")), corev1.PodQOSBurstable},
	}
	for i, c := range cases {
		if got := kind.PodQOS(c.pod); got != c.want {
			t.Errorf("case %d: %s, want %s", i, got, c.want)
		}
	}
}
