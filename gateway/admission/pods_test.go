package admission

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"

	"taffrail.dev/gateway/kind"
)

func class(name string, value int32, byDefault bool) *schedulingv1.PriorityClass {
	return &schedulingv1.PriorityClass{ObjectMeta: meta("", name), Value: value, GlobalDefault: byDefault}
}

func TestPriority(t *testing.T) {
	t.Parallel()
	never, seven := corev1.PreemptNever, int32(7)
	humble := class("humble", -5, false)
	humble.PreemptionPolicy = &never
	classes := []kind.Object{class("high", 100, false), humble}
	for name, c := range map[string]struct {
		cluster cluster
		spec    corev1.PodSpec
		class   string
		value   int32
		policy  corev1.PreemptionPolicy
		want    string
	}{
		"no class":          {policy: corev1.PreemptLowerPriority},
		"its class":         {cluster: cluster{have: classes}, spec: corev1.PodSpec{PriorityClassName: "high"}, class: "high", value: 100, policy: corev1.PreemptLowerPriority},
		"its policy":        {cluster: cluster{have: classes}, spec: corev1.PodSpec{PriorityClassName: "humble"}, class: "humble", value: -5, policy: never},
		"a class just made": {cluster: cluster{late: classes}, spec: corev1.PodSpec{PriorityClassName: "high"}, class: "high", value: 100, policy: corev1.PreemptLowerPriority},
		"the lowest default": {cluster: cluster{have: []kind.Object{class("b", 9, true), class("a", 3, true), class("c", 1, false)}},
			class: "a", value: 3, policy: corev1.PreemptLowerPriority},
		"no such class": {spec: corev1.PodSpec{PriorityClassName: "x"}, want: `pods "web" is forbidden: no PriorityClass with name x was found`},
		"a number of its own": {cluster: cluster{have: classes}, spec: corev1.PodSpec{PriorityClassName: "high", Priority: &seven},
			want: `pods "web" is forbidden: the integer value of priority (7) must not be provided in pod spec; priority admission controller computed 100 from the given PriorityClass name`},
		"a policy of its own": {cluster: cluster{have: classes}, spec: corev1.PodSpec{PriorityClassName: "high", PreemptionPolicy: &never},
			want: `pods "web" is forbidden: the string value of PreemptionPolicy (Never) must not be provided in pod spec; priority admission controller computed PreemptLowerPriority from the given PriorityClass name`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := podWith(c.spec)
			err := Priority{}.Admit(context.Background(), ask(&c.cluster, "create", "pods", "shop", "web"), pod, nil)
			wantText(t, err, c.want)
			if s := &pod.Spec; err == nil && (s.PriorityClassName != c.class || *s.Priority != c.value || *s.PreemptionPolicy != c.policy) {
				t.Errorf("got %q %d %s", s.PriorityClassName, *s.Priority, *s.PreemptionPolicy)
			}
		})
	}
}

func TestPriorityIsKept(t *testing.T) {
	t.Parallel()
	seven := int32(7)
	pod, old := podWith(corev1.PodSpec{}), podWith(corev1.PodSpec{Priority: &seven})
	err := Priority{}.Admit(context.Background(), ask(&cluster{}, "update", "pods", "shop", "web"), pod, old)
	if err != nil || pod.Spec.Priority == nil || *pod.Spec.Priority != 7 {
		t.Errorf("priority %v, %v", pod.Spec.Priority, err)
	}
}

func TestOneDefaultClass(t *testing.T) {
	t.Parallel()
	c := &cluster{have: []kind.Object{class("first", 1, true)}}
	admit := func(obj *schedulingv1.PriorityClass) error {
		return Priority{}.Admit(context.Background(), ask(c, "create", "priorityclasses", "", obj.Name), obj, nil)
	}
	wantText(t, admit(class("second", 2, false)), "")
	wantText(t, admit(class("first", 1, true)), "")
	wantText(t, admit(class("second", 2, true)),
		`priorityclasses.scheduling.k8s.io "second" is forbidden: PriorityClass first is already marked as default. Only one default can exist`)
}

func TestDefaultTolerationSeconds(t *testing.T) {
	t.Parallel()
	own := func(key string, effect corev1.TaintEffect) []corev1.Toleration {
		return []corev1.Toleration{{Key: key, Operator: corev1.TolerationOpExists, Effect: effect}}
	}
	for name, c := range map[string]struct {
		have  []corev1.Toleration
		added []string
	}{
		"none":                   {nil, []string{corev1.TaintNodeNotReady, corev1.TaintNodeUnreachable}},
		"its own":                {own(corev1.TaintNodeNotReady, corev1.TaintEffectNoExecute), []string{corev1.TaintNodeUnreachable}},
		"its own, any effect":    {own(corev1.TaintNodeUnreachable, ""), []string{corev1.TaintNodeNotReady}},
		"for another effect":     {own(corev1.TaintNodeNotReady, corev1.TaintEffectNoSchedule), []string{corev1.TaintNodeNotReady, corev1.TaintNodeUnreachable}},
		"everything":             {own("", ""), nil},
		"everything that evicts": {own("", corev1.TaintEffectNoExecute), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := podWith(corev1.PodSpec{Tolerations: c.have})
			if err := (DefaultTolerationSeconds{}).Admit(context.Background(), ask(nil, "create", "pods", "shop", "web"), pod, nil); err != nil {
				t.Fatal(err)
			}
			added := pod.Spec.Tolerations[len(c.have):]
			if len(added) != len(c.added) {
				t.Fatalf("added %v", added)
			}
			for i, got := range added {
				if got.Key != c.added[i] || got.Effect != corev1.TaintEffectNoExecute || got.Operator != corev1.TolerationOpExists || *got.TolerationSeconds != 300 {
					t.Errorf("added %v", got)
				}
			}
		})
	}
}

func TestTaintNodesByCondition(t *testing.T) {
	t.Parallel()
	taint := corev1.Taint{Key: corev1.TaintNodeNotReady, Effect: corev1.TaintEffectNoSchedule}
	gpu := corev1.Taint{Key: "gpu", Effect: corev1.TaintEffectNoSchedule}
	for name, c := range map[string]struct {
		have []corev1.Taint
		want int
	}{"a bare node": {nil, 1}, "one with a taint": {[]corev1.Taint{gpu}, 2}, "one that has it": {[]corev1.Taint{taint}, 1}} {
		node := &corev1.Node{ObjectMeta: meta("", "n1"), Spec: corev1.NodeSpec{Taints: c.have}}
		if err := (TaintNodesByCondition{}).Admit(context.Background(), ask(nil, "create", "nodes", "", "n1"), node, nil); err != nil {
			t.Fatal(err)
		}
		if len(node.Spec.Taints) != c.want || node.Spec.Taints[c.want-1] != taint {
			t.Errorf("%s: %v", name, node.Spec.Taints)
		}
	}
}
