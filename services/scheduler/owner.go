package scheduler

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"taffrail.dev/events/fold"
	"taffrail.dev/events/subject"
)

// owners keeps the pod selectors of the controllers whose pods spread by default.
type owners struct {
	selectors map[subject.Object]*metav1.LabelSelector
}

func newOwners() owners { return owners{map[subject.Object]*metav1.LabelSelector{}} }

// apply folds a ReplicaSet's event and says whether its selector changed.
func (o owners) apply(e *fold.Event) bool {
	key := e.Key()
	if key.Resource != subject.ReplicaSets {
		return false
	}
	_, known := o.selectors[key]
	if e.Gone() {
		delete(o.selectors, key)
		return known
	}
	set, err := fold.Decode[appsv1.ReplicaSet](e)
	if err != nil {
		return false
	}
	o.selectors[key] = set.Spec.Selector // immutable
	return !known
}

// of is the selector of a pod's controller, nil if it is not known.
func (o owners) of(pod *corev1.Pod) *metav1.LabelSelector {
	ref := metav1.GetControllerOf(pod)
	if ref == nil || ref.Kind != "ReplicaSet" {
		return nil
	}
	return o.selectors[subject.Object{Resource: subject.ReplicaSets, Namespace: pod.Namespace, Name: ref.Name}]
}

// likes selects the pods that count as a pod's peers where it has no constraints of
// its own: those that its services and its controller select. nil if it has neither.
func (s *State) likes(pod *corev1.Pod) labels.Selector {
	selector, some := labels.NewSelector(), false
	for _, service := range s.services.In(pod.Namespace) {
		if len(service.Spec.Selector) == 0 || !labels.SelectorFromSet(service.Spec.Selector).Matches(labels.Set(pod.Labels)) {
			continue
		}
		requirements, _ := labels.SelectorFromSet(service.Spec.Selector).Requirements()
		selector, some = selector.Add(requirements...), true
	}
	if own := s.owners.of(pod); own != nil {
		requirements, _ := selectorOf(own).Requirements()
		selector, some = selector.Add(requirements...), true
	}
	if !some {
		return nil
	}
	return selector
}
