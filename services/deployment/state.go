package deployment

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

// state is all Deployments and ReplicaSets, the latter by their controller, and of the pods only
// which of them still live, by the ReplicaSet that controls them.
type state struct {
	deployments *fold.Store[appsv1.Deployment, *appsv1.Deployment]
	sets        *fold.Store[appsv1.ReplicaSet, *appsv1.ReplicaSet]
	owned       map[types.UID]map[string]*appsv1.ReplicaSet
	// orphans are the ReplicaSets without a controller.
	orphans *selection.Join
	// living pods' names by the uid of their ReplicaSet; ofPod says where a pod is counted.
	living map[types.UID]map[string]struct{}
	ofPod  map[types.NamespacedName]types.UID
	log    *record.Log
}

func newState() *state {
	return &state{
		deployments: fold.NewStore[appsv1.Deployment](subject.Deployments),
		sets:        fold.NewStore[appsv1.ReplicaSet](subject.ReplicaSets),
		owned:       map[types.UID]map[string]*appsv1.ReplicaSet{},
		orphans:     selection.NewJoin(),
		living:      map[types.UID]map[string]struct{}{},
		ofPod:       map[types.NamespacedName]types.UID{},
		log:         record.NewLog(Name).As("deployment-controller"),
	}
}

func keyOf(namespace, name string) subject.Object {
	return subject.Object{Resource: subject.Deployments, Namespace: namespace, Name: name}
}

// Apply folds an event. A ReplicaSet wakes the Deployment that controls it or, if none does, the
// Deployments that select it; the last pod of a ReplicaSet wakes its Deployment, which may have
// waited to recreate.
func (s *state) Apply(e *fold.Event) []subject.Object {
	switch e.Key().Resource {
	case subject.Deployments:
		before, after, err := s.deployments.Apply(e)
		if err != nil || before == after {
			return nil
		}
		s.indexDeployment(before, after)
		return []subject.Object{e.Key()}
	case subject.ReplicaSets:
		before, after, err := s.sets.Apply(e)
		if err != nil || before == after {
			return nil
		}
		return s.indexSet(before, after)
	case subject.Pods:
		return s.indexPod(e)
	case subject.CoreEvents:
		s.log.Apply(e)
	}
	return nil
}

func (s *state) indexDeployment(before, after *appsv1.Deployment) {
	if after == nil {
		s.orphans.Unselect(keyOf(before.Namespace, before.Name))
		return
	}
	if before == nil || before.UID != after.UID || before.Generation != after.Generation {
		selector, err := selection.Of(after.Spec.Selector)
		if err != nil || selector.Everything() {
			selector = selection.Selector{}
		}
		s.orphans.Select(keyOf(after.Namespace, after.Name), selector)
	}
}

func (s *state) indexSet(before, after *appsv1.ReplicaSet) []subject.Object {
	var woken []subject.Object
	wake := func(keys ...subject.Object) {
		for _, k := range keys {
			if !slices.Contains(woken, k) {
				woken = append(woken, k)
			}
		}
	}
	if before != nil {
		if ref := metav1.GetControllerOfNoCopy(before); ref != nil {
			delete(s.owned[ref.UID], before.Name)
			if len(s.owned[ref.UID]) == 0 {
				delete(s.owned, ref.UID)
			}
			if isDeployment(ref) {
				wake(keyOf(before.Namespace, ref.Name))
			}
		}
	}
	set := after
	if set == nil {
		set = before
	}
	ref := metav1.GetControllerOfNoCopy(set)
	if after == nil || ref != nil || after.DeletionTimestamp != nil {
		wake(s.orphans.Drop(set.Namespace, set.Name)...)
	} else {
		wake(s.orphans.Put(set.Namespace, set.Name, selection.LabelsOf(set.Labels))...)
	}
	if after != nil && ref != nil && isDeployment(ref) {
		if s.owned[ref.UID] == nil {
			s.owned[ref.UID] = map[string]*appsv1.ReplicaSet{}
		}
		s.owned[ref.UID][after.Name] = after
		wake(keyOf(after.Namespace, ref.Name))
	}
	return woken
}

// indexPod counts a pod to its ReplicaSet while it lives.
func (s *state) indexPod(e *fold.Event) []subject.Object {
	pod, err := fold.Decode[brief.Pod](e)
	if err != nil {
		return nil
	}
	name := types.NamespacedName{Namespace: pod.GetNamespace(), Name: pod.Name}
	was, counted := s.ofPod[name]
	owner, owned := pod.Controller()
	lives := !e.Gone() && !pod.Finished()
	if counted && lives && owned && owner.UID == was {
		return nil
	}
	var woken []subject.Object
	if counted {
		delete(s.ofPod, name)
		delete(s.living[was], pod.Name)
		if len(s.living[was]) == 0 {
			delete(s.living, was)
			woken = s.ownerOf(name.Namespace, owner.Name)
		}
	}
	if lives && owned && owner.Kind == "ReplicaSet" {
		s.ofPod[name] = owner.UID
		if s.living[owner.UID] == nil {
			s.living[owner.UID] = map[string]struct{}{}
		}
		s.living[owner.UID][pod.Name] = struct{}{}
	}
	return woken
}

// ownerOf is the key of the Deployment that controls a ReplicaSet.
func (s *state) ownerOf(namespace, name string) []subject.Object {
	if set := s.sets.Get(namespace, name); set != nil {
		if owner := metav1.GetControllerOfNoCopy(set); owner != nil && isDeployment(owner) {
			return []subject.Object{keyOf(namespace, owner.Name)}
		}
	}
	return nil
}

func isDeployment(ref *metav1.OwnerReference) bool {
	return ref.Kind == "Deployment" && ref.APIVersion == "apps/v1"
}
