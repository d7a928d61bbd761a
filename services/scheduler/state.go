package scheduler

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/events/fold"
	"taffrail.dev/events/subject"
	"taffrail.dev/services/brief"
	"taffrail.dev/services/record"
	"taffrail.dev/services/selection"
)

// State is the scheduler's fold. One goroutine owns it.
type State struct {
	nodes    map[string]*node
	slots    []*node // by slot; nil where free
	free     []int
	versions uint64

	residents   map[subject.Object]*resident
	byNamespace map[string]map[string]*resident
	waiting     map[subject.Object]*waiting
	assumed     int

	classes map[string]*class
	blocked []*class
	warm    int
	tick    uint64

	axes     map[string]*axis
	censuses map[string]*census
	groups   map[string]*group
	// groupings and pictures name the versions of groups and of the images on nodes.
	groupings, pictures uint64
	imageNodes          map[string]int

	namespaces map[string]map[string]string
	services   *fold.Store[corev1.Service, *corev1.Service]
	owners     owners
	// selections names the version of services and owners, by namespace.
	selections map[string]uint64

	log     *record.Log
	scratch scratch
}

// resident is a pod that takes part of a node: bound, or assumed to be.
type resident struct {
	key         subject.Object
	uid         string
	node        *node
	namespace   string
	labels      selection.Labels
	demand      demand
	holds       []group
	terminating bool
}

// NewState makes an empty state.
func NewState() *State {
	return &State{
		nodes: map[string]*node{}, residents: map[subject.Object]*resident{}, byNamespace: map[string]map[string]*resident{},
		waiting: map[subject.Object]*waiting{}, classes: map[string]*class{},
		axes: map[string]*axis{}, censuses: map[string]*census{}, groups: map[string]*group{}, imageNodes: map[string]int{},
		namespaces: map[string]map[string]string{}, services: fold.NewStore[corev1.Service](subject.Services),
		owners: newOwners(), selections: map[string]uint64{}, log: record.NewLog(Name).As("default-scheduler"),
	}
}

// Apply implements process.State.
func (s *State) Apply(e *fold.Event) []subject.Object {
	switch e.Key().Resource {
	case subject.Pods:
		return s.applyPod(e)
	case subject.Nodes:
		return s.applyNode(e)
	case subject.Namespaces:
		return s.applyNamespace(e)
	case subject.Services:
		if _, _, err := s.services.Apply(e); err == nil {
			s.selections[e.Key().Namespace]++
		}
	case subject.CoreEvents:
		s.log.Apply(e)
	default:
		if s.owners.apply(e) {
			s.selections[e.Key().Namespace]++
		}
	}
	return nil
}

func (s *State) applyNamespace(e *fold.Event) []subject.Object {
	name := e.Key().Name
	before, known := s.namespaces[name]
	if e.Gone() {
		delete(s.namespaces, name)
	} else {
		ns, err := fold.Decode[corev1.Namespace](e)
		if err != nil || known && maps.Equal(before, ns.Labels) {
			return nil
		}
		s.namespaces[name] = ns.Labels
	}
	s.recount()
	return s.wakeForAny()
}

func (s *State) applyNode(e *fold.Event) []subject.Object {
	name := e.Key().Name
	if e.Gone() {
		if n := s.nodes[name]; n != nil && n.object != nil {
			s.picture(n.images, nil)
			n.object, n.images = nil, nil
			n.static = n.next()
			s.replace(n)
			s.leave(n)
			return s.wakeForAny()
		}
		return nil
	}
	object, err := fold.Decode[corev1.Node](e)
	if err != nil {
		return nil
	}
	n := s.nodeOf(name)
	before := n.images
	seen, images := n.describe(object)
	if images {
		s.picture(before, n.images)
	}
	if !seen {
		return nil
	}
	s.replace(n)
	return append(s.wakeFor(n), s.wakeForAny()...)
}

// picture counts on how many nodes each image is.
func (s *State) picture(before, after map[string]int64) {
	for name := range before {
		if s.imageNodes[name]--; s.imageNodes[name] == 0 {
			delete(s.imageNodes, name)
		}
	}
	for name := range after {
		s.imageNodes[name]++
	}
	s.pictures++
}

func (s *State) applyPod(e *fold.Event) []subject.Object {
	key := e.Key()
	if e.Gone() {
		return append(s.unwait(key), s.remove(key)...)
	}
	pod, err := fold.Decode[brief.Pod](e)
	if err != nil {
		return nil
	}
	if pod.Finished() || pod.Node() == "" && !ours(pod) {
		return append(s.unwait(key), s.remove(key)...)
	}
	whole, err := fold.Decode[corev1.Pod](e)
	if err != nil {
		return nil
	}
	if pod.Node() != "" {
		return append(s.unwait(key), s.place(key, pod, whole)...)
	}
	return s.wait(e, key, pod, whole)
}

// ours says whether the pod waits for this scheduler.
func ours(pod *brief.Pod) bool {
	name := pod.Scheduler()
	return (name == "" || name == corev1.DefaultSchedulerName) && !pod.Gated && !pod.Terminating
}

// place has a pod take its part of its node, or follows a change of it.
func (s *State) place(key subject.Object, pod *brief.Pod, whole *corev1.Pod) []subject.Object {
	r := residentOf(key, pod, whole, demandOf(whole))
	old := s.residents[key]
	if old != nil && old.node.name == pod.Node() && old.uid == r.uid && old.terminating == r.terminating &&
		old.demand.equal(r.demand) && old.labels == r.labels && slices.EqualFunc(old.holds, r.holds, sameHold) {
		return nil
	}
	var wake []subject.Object
	if old != nil {
		wake = s.remove(key)
	}
	s.admit(r, s.nodeOf(pod.Node()))
	return append(wake, s.wakeForAny()...)
}

// residentOf is a pod as a resident; like is a pod of its class.
func residentOf(key subject.Object, pod *brief.Pod, like *corev1.Pod, d demand) *resident {
	return &resident{
		key: key, uid: string(pod.UID), namespace: key.Namespace, labels: pod.Labels,
		demand: d, holds: holds(like), terminating: pod.Terminating,
	}
}

// admit adds a resident to a node's sums and to every count.
func (s *State) admit(r *resident, n *node) {
	r.node = n
	n.take(&r.demand, 1)
	s.residents[r.key] = r
	names := s.byNamespace[r.namespace]
	if names == nil {
		names = map[string]*resident{}
		s.byNamespace[r.namespace] = names
	}
	names[r.key.Name] = r
	s.count(r, 1)
	s.join(r)
}

// evict is admit's opposite.
func (s *State) evict(r *resident) {
	s.count(r, -1)
	s.part(r)
	r.node.take(&r.demand, -1)
	delete(s.residents, r.key)
	names := s.byNamespace[r.namespace]
	if delete(names, r.key.Name); len(names) == 0 {
		delete(s.byNamespace, r.namespace)
	}
}

// remove takes a pod off its node and wakes the pods that this may help.
func (s *State) remove(key subject.Object) []subject.Object {
	r := s.residents[key]
	if r == nil {
		return nil
	}
	s.evict(r)
	wake := append(s.wakeFor(r.node), s.wakeForAny()...)
	s.leave(r.node)
	return wake
}
