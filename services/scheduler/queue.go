package scheduler

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/events/fold"
	"taffrail.dev/events/subject"
	"taffrail.dev/services/brief"
)

// wave is how many pods of a blocked class are woken at once. Each that is bound
// wakes the next.
const wave = 8

// waiting is a pod without a node.
type waiting struct {
	key      subject.Object
	pod      *brief.Pod
	class    *class
	priority int32
	// yields: it preempts nobody. refusal is its condition that says why it has no node, as the
	// journal has it; nil for none.
	yields  bool
	refusal *corev1.PodCondition
	arrived uint64 // sequence at which it began to wait
	since   int64  // the same in Unix nanoseconds
	hash    uint64
	// assumed is the pod on the node that it was last sent to, until the journal
	// shows it bound or the binding fails.
	assumed *resident
	blocked bool
}

// wait takes a pod without a node in, or follows a change of it.
func (s *State) wait(e *fold.Event, key subject.Object, pod *brief.Pod, whole *corev1.Pod) []subject.Object {
	w := s.waiting[key]
	if w != nil && w.pod.UID != pod.UID {
		s.unwait(key)
		w = nil
	}
	class := s.classOf(whole)
	if w == nil {
		w = &waiting{key: key, arrived: e.Sequence, since: e.GetTime(), hash: hashOf(string(pod.UID) + pod.Name), class: class}
		class.waiting++
		s.waiting[key] = w
	}
	changed := w.pod == nil || w.class != class
	w.pod, w.priority, w.refusal = pod, priorityOf(whole), refusalOf(whole)
	w.yields = whole.Spec.PreemptionPolicy != nil && *whole.Spec.PreemptionPolicy == corev1.PreemptNever
	if w.class != class {
		s.unblock(w)
		w.class.waiting--
		s.retire(w.class)
		w.class = class
		class.waiting++
	}
	if !changed {
		return nil
	}
	return []subject.Object{key}
}

func priorityOf(pod *corev1.Pod) int32 {
	if pod.Spec.Priority == nil {
		return 0
	}
	return *pod.Spec.Priority
}

func refusalOf(pod *corev1.Pod) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if c := pod.Status.Conditions[i]; c.Type == corev1.PodScheduled {
			return &c
		}
	}
	return nil
}

// unwait ends a pod's wait: it is bound, ended or gone. Its class's next pod is
// woken in its place.
func (s *State) unwait(key subject.Object) []subject.Object {
	w := s.waiting[key]
	if w == nil {
		return nil
	}
	s.forget(w)
	woken := !w.blocked
	s.unblock(w)
	delete(s.waiting, key)
	w.class.waiting--
	s.retire(w.class)
	if !woken {
		return nil
	}
	return s.wake(w.class, 1)
}

// assume counts a pod on the node it is being sent to.
func (s *State) assume(w *waiting, n *node) {
	w.assumed = residentOf(w.key, w.pod, w.class.sample, w.class.demand)
	s.admit(w.assumed, n)
	s.assumed++
}

// forget takes back an assumption.
func (s *State) forget(w *waiting) {
	if w.assumed == nil {
		return
	}
	s.evict(w.assumed)
	s.leave(w.assumed.node)
	w.assumed = nil
	s.assumed--
}

// before orders waiting pods: the higher priority first, then the longer wait.
func (s *State) before(a, b subject.Object) bool {
	x, y := s.waiting[a], s.waiting[b]
	switch {
	case x == nil || y == nil:
		return x != nil
	case x.priority != y.priority:
		return x.priority > y.priority
	}
	return x.arrived < y.arrived
}

// block has a refused pod wait for an event that may help it.
func (s *State) block(w *waiting, constrained bool) {
	c := w.class
	c.constrained = constrained
	if w.blocked {
		return
	}
	w.blocked = true
	if len(c.blocked) == 0 {
		s.blocked = append(s.blocked, c)
	}
	at, _ := slices.BinarySearchFunc(c.blocked, w, func(x, y *waiting) int {
		if s.before(x.key, y.key) {
			return -1
		}
		return 1
	})
	c.blocked = slices.Insert(c.blocked, at, w)
}

func (s *State) unblock(w *waiting) {
	if !w.blocked {
		return
	}
	w.blocked = false
	c := w.class
	c.blocked = slices.DeleteFunc(c.blocked, func(x *waiting) bool { return x == w })
	if len(c.blocked) == 0 {
		s.blocked = slices.DeleteFunc(s.blocked, func(x *class) bool { return x == c })
	}
}

// wake takes a class's first blocked pods out of their wait.
func (s *State) wake(c *class, count int) []subject.Object {
	var keys []subject.Object
	for count > 0 && len(c.blocked) > 0 {
		w := c.blocked[0]
		s.unblock(w)
		keys = append(keys, w.key)
		count--
	}
	return keys
}

// wakeFor wakes the blocked classes that could now fit on a changed node.
func (s *State) wakeFor(n *node) []subject.Object {
	var keys []subject.Object
	if n.object == nil {
		return nil
	}
	for _, c := range slices.Clone(s.blocked) {
		var e entry
		if c.judge(s, n, &e); e.fits() {
			keys = append(keys, s.wake(c, wave)...)
		}
	}
	return keys
}

// wakeForAny wakes the blocked classes whose refusal hung on where other pods are: any
// change may help them.
func (s *State) wakeForAny() []subject.Object {
	var keys []subject.Object
	for _, c := range slices.Clone(s.blocked) {
		if c.constrained {
			keys = append(keys, s.wake(c, wave)...)
		}
	}
	return keys
}
