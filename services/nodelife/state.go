package nodelife

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/events/fold"
	"taffrail.dev/events/subject"
	"taffrail.dev/services/brief"
	"taffrail.dev/services/record"
)

// state is the fold: nodes, when each was last heard of, and the bound pods by node.
// What it notes at a turn (when it began to watch a node, ranges under way) is lost with the process, to
// be noted again.
type state struct {
	config Config
	nodes  map[string]*corev1.Node
	heard  map[string]time.Time // by the node's lease
	pods   map[subject.Object]*resident
	on     map[string]map[subject.Object]*resident
	ranges *ranges
	log    *record.Log

	// watched is when this process first decided on a node: silence counts from then
	// at the earliest. missing is when a pod's node was first found not to exist.
	watched, missing map[string]time.Time
	// tainted is when a taint that does not say so itself was first seen on a node.
	tainted map[string]map[corev1.Taint]time.Time
}

// resident is a pod with a node.
type resident struct {
	key subject.Object
	pod *brief.Pod
}

func newState(c Config) *state {
	return &state{
		config: c, nodes: map[string]*corev1.Node{}, heard: map[string]time.Time{},
		pods: map[subject.Object]*resident{}, on: map[string]map[subject.Object]*resident{},
		ranges: newRanges(c.Pods, c.PerNode), log: record.NewLog(Name).As("node-controller"),
		watched: map[string]time.Time{}, missing: map[string]time.Time{}, tainted: map[string]map[corev1.Taint]time.Time{},
	}
}

// Apply implements process.State.
func (s *state) Apply(e *fold.Event) []subject.Object {
	switch key := e.Key(); key.Resource {
	case subject.Nodes:
		return s.applyNode(key, e)
	case subject.Pods:
		return s.applyPod(key, e)
	case subject.CoordinationLeases:
		return s.applyLease(key, e)
	case subject.CoreEvents:
		s.log.Apply(e)
	}
	return nil
}

func nodeKey(name string) subject.Object { return subject.Object{Resource: subject.Nodes, Name: name} }

func (s *state) applyNode(key subject.Object, e *fold.Event) []subject.Object {
	before := s.nodes[key.Name]
	if e.Gone() {
		delete(s.nodes, key.Name)
		delete(s.watched, key.Name)
		delete(s.tainted, key.Name)
		s.ranges.release(key.Name)
		return s.residents(key.Name)
	}
	node, err := fold.Decode[corev1.Node](e)
	if err != nil {
		return nil
	}
	s.nodes[key.Name] = node
	delete(s.missing, key.Name)
	s.ranges.hold(node)
	for seen := range s.tainted[key.Name] {
		if !slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool { return alike(t, seen) }) {
			delete(s.tainted[key.Name], seen)
		}
	}
	wake := []subject.Object{key}
	if before == nil || readiness(before) != readiness(node) || !slices.EqualFunc(expelling(before), expelling(node), alike) {
		wake = append(wake, s.residents(key.Name)...)
	}
	return wake
}

// residents are the keys of a node's pods, sorted.
func (s *state) residents(node string) []subject.Object {
	var keys []subject.Object
	for key := range s.on[node] {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b subject.Object) int { return strings.Compare(a.String(), b.String()) })
	return keys
}

func (s *state) applyPod(key subject.Object, e *fold.Event) []subject.Object {
	if before := s.pods[key]; before != nil {
		node := before.pod.Node()
		delete(s.pods, key)
		if delete(s.on[node], key); len(s.on[node]) == 0 {
			delete(s.on, node)
		}
	}
	if e.Gone() {
		return nil
	}
	pod, err := fold.Decode[brief.Pod](e)
	if err != nil || pod.Node() == "" {
		return nil
	}
	r := &resident{key: key, pod: pod}
	s.pods[key] = r
	if s.on[pod.Node()] == nil {
		s.on[pod.Node()] = map[subject.Object]*resident{}
	}
	s.on[pod.Node()][key] = r
	if node := s.nodes[pod.Node()]; node != nil && readiness(node) == corev1.ConditionTrue && len(expelling(node)) == 0 {
		return nil
	}
	return []subject.Object{key}
}

func (s *state) applyLease(key subject.Object, e *fold.Event) []subject.Object {
	if key.Namespace != corev1.NamespaceNodeLease {
		return nil
	}
	if e.Gone() {
		delete(s.heard, key.Name)
		return nil
	}
	s.heard[key.Name] = time.Unix(0, e.GetTime())
	if node := s.nodes[key.Name]; node != nil && readiness(node) != corev1.ConditionTrue {
		return []subject.Object{nodeKey(key.Name)}
	}
	return nil
}

// readiness is the status of a node's Ready condition, "" if it has none.
func readiness(node *corev1.Node) corev1.ConditionStatus {
	if c := condition(node, corev1.NodeReady); c != nil {
		return c.Status
	}
	return ""
}

func condition(node *corev1.Node, t corev1.NodeConditionType) *corev1.NodeCondition {
	for i := range node.Status.Conditions {
		if node.Status.Conditions[i].Type == t {
			return &node.Status.Conditions[i]
		}
	}
	return nil
}

// expelling are a node's NoExecute taints.
func expelling(node *corev1.Node) []corev1.Taint {
	var out []corev1.Taint
	for _, t := range node.Spec.Taints {
		if t.Effect == corev1.TaintEffectNoExecute {
			out = append(out, t)
		}
	}
	return out
}

func alike(a, b corev1.Taint) bool {
	return a.Key == b.Key && a.Value == b.Value && a.Effect == b.Effect
}
