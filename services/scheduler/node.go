package scheduler

import (
	"hash/fnv"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// node is a node and the sums of the pods on it. Each owns a slot, its index into
// every per-node array; slots are reused.
type node struct {
	slot   int
	name   string
	object *corev1.Node // nil while only pods name the node
	hash   uint64

	// static names the version of the object that a decision can see, usage that of the sums and
	// of what can be allocated. No two versions share a number, not even across nodes.
	static, usage uint64
	clock         *uint64

	allocatable amount
	maxPods     int64
	images      map[string]int64

	used                    amount
	scoredCPU, scoredMemory int64
	ports                   map[port]int
	pods                    int64
}

func (n *node) take(d *demand, sign int64) {
	n.used.add(d.amount, sign)
	n.scoredCPU += sign * d.scoredCPU
	n.scoredMemory += sign * d.scoredMemory
	n.pods += sign
	for _, p := range d.ports {
		if n.ports == nil {
			n.ports = map[port]int{}
		}
		if n.ports[p] += int(sign); n.ports[p] == 0 {
			delete(n.ports, p)
		}
	}
	n.usage = n.next()
}

func (n *node) next() uint64 {
	*n.clock++
	return *n.clock
}

// describe takes the node's object over and says what changed: what filters and
// scores see of it, and which of its images.
func (n *node) describe(object *corev1.Node) (seen, images bool) {
	before := n.object
	n.object = object
	allocatable := amountOf(object.Status.Allocatable)
	pods := object.Status.Allocatable[corev1.ResourcePods]
	if before == nil || !allocatable.equal(n.allocatable) || pods.Value() != n.maxPods {
		n.allocatable, n.maxPods, seen = allocatable, pods.Value(), true
		n.usage = n.next()
	}
	if before == nil || before.Spec.Unschedulable != object.Spec.Unschedulable ||
		!maps.Equal(before.Labels, object.Labels) || !slices.EqualFunc(before.Spec.Taints, object.Spec.Taints, sameTaint) {
		seen = true
		n.static = n.next()
	}
	if named := imagesOf(object); !maps.Equal(named, n.images) {
		n.images, images = named, true
	}
	return seen, images
}

func sameTaint(a, b corev1.Taint) bool {
	return a.Key == b.Key && a.Value == b.Value && a.Effect == b.Effect
}

func imagesOf(object *corev1.Node) map[string]int64 {
	named := make(map[string]int64, 2*len(object.Status.Images))
	for _, image := range object.Status.Images {
		for _, name := range image.Names {
			named[name] = image.SizeBytes
		}
	}
	return named
}

// imageName is an image as nodes report it, tag included.
func imageName(image string) string {
	if strings.LastIndex(image, ":") <= strings.LastIndex(image, "/") {
		return image + ":latest"
	}
	return image
}

func hashOf(text string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(text))
	return h.Sum64()
}

// mix orders equal nodes for a pod: the same for the same two names, spread over
// nodes for different pods.
func mix(a, b uint64) uint64 {
	x := a ^ (b * 0x9e3779b97f4a7c15)
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return x
}

// nodeOf is the node of a name, made if it is new.
func (s *State) nodeOf(name string) *node {
	if n := s.nodes[name]; n != nil {
		return n
	}
	n := &node{name: name, hash: hashOf(name), clock: &s.versions}
	if last := len(s.free) - 1; last >= 0 {
		n.slot, s.free = s.free[last], s.free[:last]
		s.slots[n.slot] = n
	} else {
		n.slot = len(s.slots)
		s.slots = append(s.slots, n)
		s.grow()
	}
	n.static, n.usage = n.next(), n.next()
	s.nodes[name] = n
	return n
}

// grow makes every per-node array as long as there are slots.
func (s *State) grow() {
	for _, c := range s.censuses {
		c.counts = append(c.counts, 0)
	}
	for _, g := range s.groups {
		g.counts = append(g.counts, 0)
	}
	for _, a := range s.axes {
		a.values = append(a.values, -1)
	}
}

// leave forgets a node that neither exists nor has pods.
func (s *State) leave(n *node) {
	if n.object != nil || n.pods != 0 {
		return
	}
	delete(s.nodes, n.name)
	s.slots[n.slot] = nil
	s.free = append(s.free, n.slot)
	for _, a := range s.axes {
		a.values[n.slot] = -1
	}
}
