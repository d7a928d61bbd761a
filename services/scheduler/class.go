package scheduler

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
)

// maxWarm bounds the classes that keep what they think of every node.
const maxWarm = 128

// class is all pods that are alike to the scheduler: one decision's work serves them all.
type class struct {
	key       string
	namespace string
	labels    map[string]string
	sample    *corev1.Pod

	demand      demand
	bestEffort  bool
	affinity    nodeaffinity.RequiredNodeAffinity
	preferred   *nodeaffinity.PreferredSchedulingTerms
	tolerations []corev1.Toleration
	images      []string

	hard, soft []constraint
	// byDefault: soft is the cluster's default, of the selection of that version.
	byDefault bool
	selection uint64

	join, avoid []term // required affinity and anti-affinity
	attract     []term // preferred; a negative weight repels

	// What running pods' terms say about this class, as of grouping.
	repelling, pulling []*group
	grouping           uint64

	waiting     int
	blocked     []*waiting
	constrained bool

	entries []entry // by slot; nil when cold
	used    uint64
}

// classOf is a pod's class, made if it is the first of it.
func (s *State) classOf(pod *corev1.Pod) *class {
	key := classKey(pod)
	if c := s.classes[key]; c != nil {
		return c
	}
	c := &class{
		key: key, namespace: pod.Namespace, labels: pod.Labels, sample: pod, demand: demandOf(pod),
		affinity: nodeaffinity.GetRequiredNodeAffinity(pod), tolerations: pod.Spec.Tolerations, images: imagesNamed(pod),
	}
	c.bestEffort = c.demand.cpu == 0 && c.demand.memory == 0
	c.hard, c.soft = constraintsOf(pod)
	c.byDefault = len(pod.Spec.TopologySpreadConstraints) == 0
	c.selection = ^uint64(0)
	c.grouping = ^uint64(0)
	c.readAffinity(pod)
	s.classes[key] = c
	return c
}

func (c *class) readAffinity(pod *corev1.Pod) {
	a := pod.Spec.Affinity
	if a == nil {
		return
	}
	if n := a.NodeAffinity; n != nil && len(n.PreferredDuringSchedulingIgnoredDuringExecution) > 0 {
		if terms, err := nodeaffinity.NewPreferredSchedulingTerms(n.PreferredDuringSchedulingIgnoredDuringExecution); err == nil {
			c.preferred = terms
		}
	}
	if p := a.PodAffinity; p != nil {
		for i := range p.RequiredDuringSchedulingIgnoredDuringExecution {
			c.join = append(c.join, termOf(&p.RequiredDuringSchedulingIgnoredDuringExecution[i], pod.Namespace, pod.Labels, 0))
		}
		for i := range p.PreferredDuringSchedulingIgnoredDuringExecution {
			t := &p.PreferredDuringSchedulingIgnoredDuringExecution[i]
			c.attract = append(c.attract, termOf(&t.PodAffinityTerm, pod.Namespace, pod.Labels, int64(t.Weight)))
		}
	}
	if p := a.PodAntiAffinity; p != nil {
		for i := range p.RequiredDuringSchedulingIgnoredDuringExecution {
			c.avoid = append(c.avoid, termOf(&p.RequiredDuringSchedulingIgnoredDuringExecution[i], pod.Namespace, pod.Labels, 0))
		}
		for i := range p.PreferredDuringSchedulingIgnoredDuringExecution {
			t := &p.PreferredDuringSchedulingIgnoredDuringExecution[i]
			c.attract = append(c.attract, termOf(&t.PodAffinityTerm, pod.Namespace, pod.Labels, -int64(t.Weight)))
		}
	}
}

func imagesNamed(pod *corev1.Pod) []string {
	var images []string
	for _, containers := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range containers {
			images = append(images, imageName(containers[i].Image))
		}
	}
	return images
}

// classKey spells out everything of a pod that a decision depends on.
func classKey(pod *corev1.Pod) string {
	spec := corev1.PodSpec{
		NodeSelector: pod.Spec.NodeSelector, Affinity: pod.Spec.Affinity, Tolerations: pod.Spec.Tolerations,
		Overhead: pod.Spec.Overhead, TopologySpreadConstraints: pod.Spec.TopologySpreadConstraints, Resources: pod.Spec.Resources,
		InitContainers: bare(pod.Spec.InitContainers), Containers: bare(pod.Spec.Containers),
	}
	seen := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Labels: pod.Labels}, Spec: spec}
	var b strings.Builder
	if encoded, err := seen.Marshal(); err == nil {
		b.Write(encoded)
	} else { // not UTF-8: a class of its own
		b.WriteString(string(pod.UID))
	}
	if owner := metav1.GetControllerOf(pod); owner != nil {
		b.WriteString(owner.Kind)
		b.WriteByte('/')
		b.WriteString(owner.Name)
	}
	return b.String()
}

func bare(containers []corev1.Container) []corev1.Container {
	out := make([]corev1.Container, len(containers))
	for i := range containers {
		c := &containers[i]
		out[i] = corev1.Container{Image: c.Image, Resources: c.Resources, RestartPolicy: c.RestartPolicy}
		for _, p := range c.Ports {
			if p.HostPort > 0 {
				out[i].Ports = append(out[i].Ports, p)
			}
		}
	}
	return out
}

// heat gives a class its array of entries, taking the least recently used class's
// if there are too many.
func (s *State) heat(c *class) {
	s.tick++
	c.used = s.tick
	if c.entries == nil {
		if s.warm >= maxWarm {
			s.cool()
		}
		c.entries = make([]entry, len(s.slots))
		s.warm++
	}
	for len(c.entries) < len(s.slots) {
		c.entries = append(c.entries, entry{})
	}
}

func (s *State) cool() {
	var oldest *class
	for _, c := range s.classes {
		if c.entries != nil && (oldest == nil || c.used < oldest.used) {
			oldest = c
		}
	}
	oldest.entries = nil
	s.warm--
	if oldest.waiting == 0 {
		delete(s.classes, oldest.key)
	}
}

// retire forgets a class that no pod waits for, unless it is warm: more of its pods
// may come.
func (s *State) retire(c *class) {
	if c.waiting == 0 && c.entries == nil {
		delete(s.classes, c.key)
	}
}
