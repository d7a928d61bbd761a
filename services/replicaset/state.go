package replicaset

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"taffrail.dev/events/fold"
	"taffrail.dev/events/subject"
	"taffrail.dev/services/brief"
	"taffrail.dev/services/record"
	"taffrail.dev/services/selection"
)

// state is all ReplicaSets and pods, the pods by their controller. Invariant: a pod is in exactly
// one of owned (it has a controller) and orphans (it has none and is active), or, if it is
// neither owned nor active, in none.
type state struct {
	sets    *fold.Store[appsv1.ReplicaSet, *appsv1.ReplicaSet]
	pods    *fold.Store[brief.Pod, *brief.Pod]
	owned   map[types.UID]map[string]*brief.Pod
	orphans *selection.Join
	// siblings are the names of the ReplicaSets of one controller (a Deployment).
	siblings map[types.UID]map[string]*appsv1.ReplicaSet
	log      *record.Log
}

func newState() *state {
	return &state{
		sets:     fold.NewStore[appsv1.ReplicaSet](subject.ReplicaSets),
		pods:     fold.NewStore[brief.Pod](subject.Pods),
		owned:    map[types.UID]map[string]*brief.Pod{},
		orphans:  selection.NewJoin(),
		siblings: map[types.UID]map[string]*appsv1.ReplicaSet{},
		log:      record.NewLog(Name).As("replicaset-controller"),
	}
}

func keyOf(namespace, name string) subject.Object {
	return subject.Object{Resource: subject.ReplicaSets, Namespace: namespace, Name: name}
}

// Apply folds an event. A pod wakes the set that controls it or, if none does, the sets that select it.
func (s *state) Apply(e *fold.Event) []subject.Object {
	switch e.Key().Resource {
	case subject.ReplicaSets:
		before, after, err := s.sets.Apply(e)
		if err != nil || before == after {
			return nil
		}
		s.indexSet(before, after)
		return []subject.Object{e.Key()}
	case subject.Pods:
		before, after, err := s.pods.Apply(e)
		if err != nil || before == after {
			return nil
		}
		return s.indexPod(before, after)
	case subject.CoreEvents:
		s.log.Apply(e)
	}
	return nil
}

func (s *state) indexSet(before, after *appsv1.ReplicaSet) {
	if before != nil {
		if ref := metav1.GetControllerOfNoCopy(before); ref != nil {
			drop(s.siblings, ref.UID, before.Name)
		}
	}
	if after == nil {
		s.orphans.Unselect(keyOf(before.Namespace, before.Name))
		return
	}
	if ref := metav1.GetControllerOfNoCopy(after); ref != nil {
		put(s.siblings, ref.UID, after.Name, after)
	}
	if before == nil || before.UID != after.UID || before.Generation != after.Generation {
		selector, err := selection.Of(after.Spec.Selector)
		if err != nil || selector.Everything() {
			selector = selection.Selector{}
		}
		s.orphans.Select(keyOf(after.Namespace, after.Name), selector)
	}
}

func (s *state) indexPod(before, after *brief.Pod) []subject.Object {
	var woken []subject.Object
	wake := func(keys ...subject.Object) {
		for _, k := range keys {
			if !slices.Contains(woken, k) {
				woken = append(woken, k)
			}
		}
	}
	if before != nil {
		if owner, owned := before.Controller(); owned {
			drop(s.owned, owner.UID, before.Name)
			if isSet(owner) {
				wake(keyOf(before.GetNamespace(), owner.Name))
			}
		}
	}
	pod := after
	if pod == nil {
		pod = before
	}
	namespace := pod.GetNamespace()
	owner, owned := pod.Controller()
	if after == nil || owned || !active(after) {
		wake(s.orphans.Drop(namespace, pod.Name)...)
	} else {
		wake(s.orphans.Put(namespace, pod.Name, pod.Labels)...)
	}
	if after != nil && owned && isSet(owner) {
		put(s.owned, owner.UID, after.Name, after)
		wake(keyOf(namespace, owner.Name))
	}
	return woken
}

func isSet(owner brief.Owner) bool {
	return owner.Kind == "ReplicaSet" && owner.APIVersion == "apps/v1"
}

func put[T any](m map[types.UID]map[string]T, uid types.UID, name string, v T) {
	if m[uid] == nil {
		m[uid] = map[string]T{}
	}
	m[uid][name] = v
}

func drop[T any](m map[types.UID]map[string]T, uid types.UID, name string) {
	delete(m[uid], name)
	if len(m[uid]) == 0 {
		delete(m, uid)
	}
}
