package scheduler_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"taffrail.dev/events/subject"
	eventv1 "taffrail.dev/proto/gen/event/v1"
	"taffrail.dev/services/scheduler"
)

// seeds is how many clusters are tried.
const seeds = 40

// TestDifferential lets small clusters change at random and asks after each change
// which nodes fit a random pod: the state that was kept up to date, a state folded
// anew and the oracle must agree, and both states on the best node too.
func TestDifferential(t *testing.T) {
	t.Parallel()
	for seed := range uint64(seeds) {
		r := rand.New(rand.NewPCG(seed, 7))
		w := &world{nodes: map[string]*corev1.Node{}, pods: map[string]*corev1.Pod{}, namespaces: map[string]*corev1.Namespace{}}
		kept := &cluster{state: scheduler.NewState()}
		// Asked again and again, so that what a class remembers of nodes is tested too.
		probes := []*corev1.Pod{randomPod(r, "probe-0"), randomPod(r, "probe-1"), randomPod(r, "probe-2")}
		for step := range 60 {
			change(r, w, kept)
			p := probes[step%3]
			if step%4 == 0 {
				p = randomPod(r, fmt.Sprintf("ask-%d", step))
			}
			want := w.feasible(p)
			fresh := refold(w)
			got, best := ask(kept, p)
			anew, bestAnew := ask(fresh, p)
			if !reflect.DeepEqual(got, want) || !reflect.DeepEqual(anew, want) || best != bestAnew {
				t.Fatalf("seed %d step %d: kept %v (best %s), anew %v (best %s), oracle %v\npod %v", seed, step, got, best, anew, bestAnew, want, p.Spec)
			}
		}
		for name, p := range w.pods {
			kept.state.Apply(kept.event(subject.Pods, p, eventv1.What_DELETED))
			delete(w.pods, name)
		}
		for _, n := range w.nodes {
			kept.state.Apply(kept.event(subject.Nodes, n, eventv1.What_DELETED))
		}
		if residents, groups, waiting, nodes := kept.state.Counts(); residents+groups+waiting+nodes != 0 {
			t.Fatalf("seed %d: left over: %d residents, %d groups, %d waiting, %d nodes", seed, residents, groups, waiting, nodes)
		}
	}
}

// ask puts a pod in, looks where it fits, and takes it out again.
func ask(c *cluster, p *corev1.Pod) ([]string, string) {
	e := c.event(subject.Pods, p, eventv1.What_CREATED)
	c.state.Apply(e)
	got, best := c.state.Feasible(e.Key())
	c.state.Apply(c.event(subject.Pods, p, eventv1.What_DELETED))
	return got, best
}

func refold(w *world) *cluster {
	c := &cluster{state: scheduler.NewState()}
	for _, p := range w.pods {
		c.put(subject.Pods, p)
	}
	for _, n := range w.nodes {
		c.put(subject.Nodes, n)
	}
	for _, n := range w.namespaces {
		c.put(subject.Namespaces, n)
	}
	return c
}

func change(r *rand.Rand, w *world, c *cluster) {
	switch r.IntN(10) {
	case 0, 1, 2:
		n := randomNode(r)
		w.nodes[n.Name] = n
		c.put(subject.Nodes, n)
	case 3:
		name := fmt.Sprintf("n%d", r.IntN(5))
		if n := w.nodes[name]; n != nil && !occupied(w, name) {
			delete(w.nodes, name)
			c.state.Apply(c.event(subject.Nodes, n, eventv1.What_DELETED))
		}
	case 4:
		name := []string{"shop", "lab"}[r.IntN(2)]
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"team": pickOf(r, "a", "b")}}}
		w.namespaces[name] = ns
		c.put(subject.Namespaces, ns)
	case 5:
		key := fmt.Sprintf("p%d", r.IntN(12))
		if p := w.pods[key]; p != nil {
			delete(w.pods, key)
			c.state.Apply(c.event(subject.Pods, p, eventv1.What_DELETED))
		}
	default:
		key := fmt.Sprintf("p%d", r.IntN(12))
		p := randomPod(r, key)
		if old := w.pods[key]; old != nil {
			p.Namespace = old.Namespace
		}
		p.Spec.NodeName = fmt.Sprintf("n%d", r.IntN(5))
		if w.nodes[p.Spec.NodeName] == nil {
			return
		}
		if r.IntN(6) == 0 {
			p.Status.Phase = corev1.PodSucceeded
		}
		if r.IntN(6) == 0 {
			now := metav1.Now()
			p.DeletionTimestamp = &now
		}
		w.pods[key] = p
		c.put(subject.Pods, p)
	}
}

func occupied(w *world, node string) bool {
	for _, p := range w.pods {
		if p.Spec.NodeName == node {
			return true
		}
	}
	return false
}

func pickOf(r *rand.Rand, from ...string) string { return from[r.IntN(len(from))] }

func randomNode(r *rand.Rand) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("n%d", r.IntN(5)), Labels: map[string]string{}}}
	n.Labels[corev1.LabelHostname] = n.Name
	if r.IntN(4) > 0 {
		n.Labels["zone"] = pickOf(r, "east", "west")
	}
	if r.IntN(2) > 0 {
		n.Labels["disk"] = pickOf(r, "ssd", "hdd")
	}
	n.Spec.Unschedulable = r.IntN(8) == 0
	for _, effect := range []corev1.TaintEffect{corev1.TaintEffectNoSchedule, corev1.TaintEffectNoExecute, corev1.TaintEffectPreferNoSchedule} {
		if r.IntN(6) == 0 {
			n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{Key: pickOf(r, "gpu", "team"), Value: pickOf(r, "", "a"), Effect: effect})
		}
	}
	n.Status.Allocatable = corev1.ResourceList{
		corev1.ResourceCPU: quantity(2 + r.IntN(6)), corev1.ResourceMemory: quantity(100 * (1 + r.IntN(6))), corev1.ResourcePods: quantity(2 + r.IntN(8)),
	}
	if r.IntN(3) == 0 {
		n.Status.Allocatable["example.com/gpu"] = quantity(1 + r.IntN(2))
	}
	return n
}

func randomPod(r *rand.Rand, name string) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: pickOf(r, "shop", "shop", "lab"), Name: name, UID: types.UID(name), Labels: map[string]string{"app": pickOf(r, "web", "db")},
	}}
	p.Spec.Containers = []corev1.Container{{Name: "c", Image: "i"}, {Name: "d", Image: "j"}}
	for i := range p.Spec.Containers {
		p.Spec.Containers[i].Resources.Requests = randomRequests(r)
	}
	if r.IntN(4) == 0 {
		always := corev1.ContainerRestartPolicyAlways
		p.Spec.InitContainers = []corev1.Container{{Name: "i"}, {Name: "s", RestartPolicy: &always}, {Name: "j"}}
		for i := range p.Spec.InitContainers {
			p.Spec.InitContainers[i].Resources.Requests = randomRequests(r)
		}
	}
	if r.IntN(6) == 0 {
		p.Spec.Overhead = corev1.ResourceList{corev1.ResourceCPU: quantity(1)}
	}
	if r.IntN(5) == 0 {
		p.Spec.Containers[0].Ports = []corev1.ContainerPort{{HostPort: int32(80 + r.IntN(2)), Protocol: corev1.ProtocolTCP, HostIP: pickOf(r, "", "10.0.0.1", "10.0.0.2")}}
	}
	if r.IntN(3) == 0 {
		p.Spec.Tolerations = []corev1.Toleration{{Key: pickOf(r, "gpu", "team"), Operator: corev1.TolerationOpExists}}
	}
	if r.IntN(8) == 0 {
		p.Spec.Tolerations = append(p.Spec.Tolerations, corev1.Toleration{Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule})
	}
	if r.IntN(5) == 0 {
		p.Spec.NodeSelector = map[string]string{"disk": pickOf(r, "ssd", "hdd")}
	}
	randomAffinity(r, p)
	randomSpread(r, p)
	return p
}

func randomRequests(r *rand.Rand) corev1.ResourceList {
	list := corev1.ResourceList{}
	if r.IntN(3) > 0 {
		list[corev1.ResourceCPU] = quantity(r.IntN(2))
	}
	if r.IntN(3) > 0 {
		list[corev1.ResourceMemory] = quantity(r.IntN(120))
	}
	if r.IntN(12) == 0 {
		list["example.com/gpu"] = quantity(1)
	}
	return list
}

func randomAffinity(r *rand.Rand, p *corev1.Pod) {
	a := &corev1.Affinity{}
	if r.IntN(6) == 0 {
		a.NodeAffinity = &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{
			{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "zone", Operator: corev1.NodeSelectorOpIn, Values: []string{"east"}}}},
			{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "disk", Operator: corev1.NodeSelectorOpNotIn, Values: []string{"ssd"}}}},
		}}}
	}
	if r.IntN(4) == 0 {
		a.PodAffinity = &corev1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: randomTerms(r)}
	}
	if r.IntN(4) == 0 {
		a.PodAntiAffinity = &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: randomTerms(r)}
	}
	if r.IntN(6) == 0 && a.PodAntiAffinity == nil {
		a.PodAntiAffinity = &corev1.PodAntiAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{Weight: 10, PodAffinityTerm: randomTerms(r)[0]}}}
	}
	p.Spec.Affinity = a
}

func randomTerms(r *rand.Rand) []corev1.PodAffinityTerm {
	var out []corev1.PodAffinityTerm
	for range 1 + r.IntN(2) {
		t := corev1.PodAffinityTerm{
			TopologyKey: pickOf(r, "zone", corev1.LabelHostname), LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": pickOf(r, "web", "db")}},
		}
		switch r.IntN(5) {
		case 0:
			t.Namespaces = []string{pickOf(r, "shop", "lab")}
		case 1:
			t.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"team": pickOf(r, "a", "b")}}
		case 2:
			t.NamespaceSelector = &metav1.LabelSelector{}
		}
		out = append(out, t)
	}
	return out
}

func randomSpread(r *rand.Rand, p *corev1.Pod) {
	for range r.IntN(3) {
		c := corev1.TopologySpreadConstraint{
			MaxSkew: int32(1 + r.IntN(2)), TopologyKey: pickOf(r, "zone", corev1.LabelHostname), WhenUnsatisfiable: corev1.DoNotSchedule,
			LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": pickOf(r, "web", "db")}},
		}
		if r.IntN(4) == 0 {
			c.WhenUnsatisfiable = corev1.ScheduleAnyway
		}
		if r.IntN(4) == 0 {
			domains := int32(2)
			c.MinDomains = &domains
		}
		if r.IntN(4) == 0 {
			honor := corev1.NodeInclusionPolicyHonor
			c.NodeTaintsPolicy = &honor
		}
		p.Spec.TopologySpreadConstraints = append(p.Spec.TopologySpreadConstraints, c)
	}
}
