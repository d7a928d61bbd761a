package scheduler_test

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// world is a small cluster as plain objects. Its rules are written a second time, from the
// API's documentation, with no thought of speed.
type world struct {
	nodes      map[string]*corev1.Node
	pods       map[string]*corev1.Pod
	namespaces map[string]*corev1.Namespace
}

func (w *world) feasible(p *corev1.Pod) []string {
	var out []string
	for name, n := range w.nodes {
		if w.fits(p, n) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

func (w *world) fits(p *corev1.Pod, n *corev1.Node) bool {
	if n.Spec.Unschedulable && !tolerates(p, corev1.Taint{Key: corev1.TaintNodeUnschedulable, Effect: corev1.TaintEffectNoSchedule}) {
		return false
	}
	return taintsTolerated(p, n) && selects(p, n) && w.hasPorts(p, n) && w.hasRoom(p, n) && w.spreads(p, n) && w.inCompany(p, n)
}

func taintsTolerated(p *corev1.Pod, n *corev1.Node) bool {
	for _, t := range n.Spec.Taints {
		if t.Effect != corev1.TaintEffectPreferNoSchedule && !tolerates(p, t) {
			return false
		}
	}
	return true
}

func tolerates(p *corev1.Pod, t corev1.Taint) bool {
	for _, o := range p.Spec.Tolerations {
		if (o.Effect == "" || o.Effect == t.Effect) && (o.Key == "" || o.Key == t.Key) && (o.Operator == corev1.TolerationOpExists || o.Value == t.Value) {
			return true
		}
	}
	return false
}

// selects knows the operators that the generator uses: In and NotIn.
func selects(p *corev1.Pod, n *corev1.Node) bool {
	for k, v := range p.Spec.NodeSelector {
		if n.Labels[k] != v {
			return false
		}
	}
	if p.Spec.Affinity == nil || p.Spec.Affinity.NodeAffinity == nil {
		return true
	}
	for _, term := range p.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
		ok := true
		for _, e := range term.MatchExpressions {
			in := slices.Contains(e.Values, n.Labels[e.Key]) && n.Labels[e.Key] != ""
			ok = ok && in == (e.Operator == corev1.NodeSelectorOpIn)
		}
		if ok {
			return true
		}
	}
	return false
}

func (w *world) on(n *corev1.Node) []*corev1.Pod {
	var out []*corev1.Pod
	for _, p := range w.pods {
		if p.Spec.NodeName == n.Name && p.Status.Phase != corev1.PodSucceeded && p.Status.Phase != corev1.PodFailed {
			out = append(out, p)
		}
	}
	return out
}

func (w *world) hasPorts(p *corev1.Pod, n *corev1.Node) bool {
	for _, other := range w.on(n) {
		for _, a := range p.Spec.Containers[0].Ports {
			for _, b := range other.Spec.Containers[0].Ports {
				if a.HostPort != 0 && a.HostPort == b.HostPort && a.Protocol == b.Protocol && (a.HostIP == b.HostIP || a.HostIP == "" || b.HostIP == "") {
					return false
				}
			}
		}
	}
	return true
}

// asked is the larger of the sum of containers and sidecars, and of each init
// container with the sidecars begun before it; and the overhead.
func asked(p *corev1.Pod, name corev1.ResourceName) int64 {
	value := func(list corev1.ResourceList) int64 {
		q := list[name]
		if name == corev1.ResourceCPU {
			return q.MilliValue()
		}
		return q.Value()
	}
	var sidecars, most int64
	for _, c := range p.Spec.InitContainers {
		v := value(c.Resources.Requests)
		most = max(most, sidecars+v)
		if c.RestartPolicy != nil {
			sidecars += v
		}
	}
	sum := sidecars
	for _, c := range p.Spec.Containers {
		sum += value(c.Resources.Requests)
	}
	return max(sum, most) + value(p.Spec.Overhead)
}

func (w *world) hasRoom(p *corev1.Pod, n *corev1.Node) bool {
	all := w.on(n)
	if pods := n.Status.Allocatable[corev1.ResourcePods]; int64(len(all))+1 > pods.Value() {
		return false
	}
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, "example.com/gpu"} {
		want, used := asked(p, name), int64(0)
		for _, other := range all {
			used += asked(other, name)
		}
		q := n.Status.Allocatable[name]
		have := q.Value()
		if name == corev1.ResourceCPU {
			have = q.MilliValue()
		}
		if want > 0 && used+want > have {
			return false
		}
	}
	return true
}

func matches(s *metav1.LabelSelector, set map[string]string) bool {
	selector, err := metav1.LabelSelectorAsSelector(s)
	return err == nil && selector.Matches(labels.Set(set))
}

func (w *world) spreads(p *corev1.Pod, n *corev1.Node) bool {
	var hard []corev1.TopologySpreadConstraint
	for _, c := range p.Spec.TopologySpreadConstraints {
		if c.WhenUnsatisfiable == corev1.DoNotSchedule {
			hard = append(hard, c)
		}
	}
	for _, c := range hard {
		counts := map[string]int{}
		for _, m := range w.nodes {
			if !labelled(m, hard) || !selects(p, m) || c.NodeTaintsPolicy != nil && !taintsTolerated(p, m) {
				continue
			}
			domain := m.Labels[c.TopologyKey]
			counts[domain] += 0
			for _, other := range w.on(m) {
				if other.Namespace == p.Namespace && other.DeletionTimestamp == nil && matches(c.LabelSelector, other.Labels) {
					counts[domain]++
				}
			}
		}
		least := 0
		if len(counts) > 0 && (c.MinDomains == nil || len(counts) >= int(*c.MinDomains)) {
			least = 1 << 30
			for _, count := range counts {
				least = min(least, count)
			}
		}
		self := 0
		if matches(c.LabelSelector, p.Labels) {
			self = 1
		}
		domain, ok := n.Labels[c.TopologyKey]
		if !ok || counts[domain]+self-least > int(c.MaxSkew) {
			return false
		}
	}
	return true
}

func labelled(n *corev1.Node, all []corev1.TopologySpreadConstraint) bool {
	for _, c := range all {
		if _, ok := n.Labels[c.TopologyKey]; !ok {
			return false
		}
	}
	return true
}

// speaksOf says whether a term of holder is about other.
func (w *world) speaksOf(t corev1.PodAffinityTerm, holder, other *corev1.Pod) bool {
	in := slices.Contains(t.Namespaces, other.Namespace)
	if t.NamespaceSelector != nil {
		if ns := w.namespaces[other.Namespace]; ns != nil {
			in = in || matches(t.NamespaceSelector, ns.Labels)
		} else {
			in = in || matches(t.NamespaceSelector, nil)
		}
	} else if len(t.Namespaces) == 0 {
		in = other.Namespace == holder.Namespace
	}
	return in && matches(t.LabelSelector, other.Labels)
}

func terms(p *corev1.Pod) (join, avoid []corev1.PodAffinityTerm) {
	if a := p.Spec.Affinity; a != nil {
		if a.PodAffinity != nil {
			join = a.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution
		}
		if a.PodAntiAffinity != nil {
			avoid = a.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution
		}
	}
	return join, avoid
}

func (w *world) inCompany(p *corev1.Pod, n *corev1.Node) bool {
	join, avoid := terms(p)
	anywhere := false
	together := map[int]bool{}
	for name, m := range w.nodes {
		for _, other := range w.on(m) {
			all := len(join) > 0
			for _, t := range join {
				all = all && w.speaksOf(t, p, other)
			}
			for i, t := range join {
				here, ok := m.Labels[t.TopologyKey]
				there, ok2 := n.Labels[t.TopologyKey]
				anywhere = anywhere || all && ok
				together[i] = together[i] || all && ok && ok2 && here == there
			}
			for _, t := range avoid {
				if w.speaksOf(t, p, other) && sameDomain(m, n, t.TopologyKey) {
					return false
				}
			}
			_, theirs := terms(other)
			for _, t := range theirs {
				if w.speaksOf(t, other, p) && sameDomain(w.nodes[name], n, t.TopologyKey) {
					return false
				}
			}
		}
	}
	for i, t := range join {
		if _, ok := n.Labels[t.TopologyKey]; !ok {
			return false
		}
		if together[i] {
			continue
		}
		if anywhere || !w.speaksOfAll(join, p) {
			return false
		}
	}
	return true
}

func (w *world) speaksOfAll(all []corev1.PodAffinityTerm, p *corev1.Pod) bool {
	for _, t := range all {
		if !w.speaksOf(t, p, p) {
			return false
		}
	}
	return true
}

func sameDomain(a, b *corev1.Node, key string) bool {
	x, ok := a.Labels[key]
	y, ok2 := b.Labels[key]
	return ok && ok2 && x == y
}

func quantity(n int) resource.Quantity { return *resource.NewQuantity(int64(n), resource.DecimalSI) }
