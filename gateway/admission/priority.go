package admission

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

// Priority gives a pod the number and the preemption policy of its class, and lets
// there be one default class.
type Priority struct{}

var _ Plugin = Priority{}

// Name is the plugin's.
func (Priority) Name() string { return "Priority" }

// Admit completes pods that are created, and looks at classes.
func (Priority) Admit(_ context.Context, r *kind.Request, obj, old kind.Object) error {
	if class, ok := obj.(*schedulingv1.PriorityClass); ok && class != nil {
		return admitClass(r, class)
	}
	pod, ok := creates[*corev1.Pod](r, obj, old)
	if !ok {
		return nil
	}
	if _, mirror := pod.Annotations[corev1.MirrorPodAnnotationKey]; mirror && pod.Spec.Priority != nil {
		return nil
	}
	class, err := classOf(r, pod)
	if err != nil {
		return err
	}
	priority, policy := int32(0), corev1.PreemptLowerPriority
	if class != nil {
		pod.Spec.PriorityClassName = class.Name
		if priority = class.Value; class.PreemptionPolicy != nil {
			policy = *class.PreemptionPolicy
		}
	}
	if p := pod.Spec.Priority; p != nil && *p != priority {
		return forbid(r, pod.Name, fmt.Errorf("the integer value of priority (%d) must not be provided in pod spec; priority admission controller computed %d from the given PriorityClass name", *p, priority))
	}
	if p := pod.Spec.PreemptionPolicy; p != nil && *p != policy {
		return forbid(r, pod.Name, fmt.Errorf("the string value of PreemptionPolicy (%s) must not be provided in pod spec; priority admission controller computed %s from the given PriorityClass name", *p, policy))
	}
	pod.Spec.Priority, pod.Spec.PreemptionPolicy = &priority, &policy
	return nil
}

// classOf is the class that the pod names, else the default class, else nil.
func classOf(r *kind.Request, pod *corev1.Pod) (*schedulingv1.PriorityClass, error) {
	name := pod.Spec.PriorityClassName
	if name == "" {
		return defaultClass(r, ""), nil
	}
	found, ok := r.Reader.Get(subject.PriorityClasses, "", name)
	if !ok {
		return nil, forbid(r, pod.Name, fmt.Errorf("no PriorityClass with name %v was found", name))
	}
	return found.(*schedulingv1.PriorityClass), nil
}

// defaultClass is the default class of the lowest value but the one named.
func defaultClass(r *kind.Request, but string) (lowest *schedulingv1.PriorityClass) {
	for _, o := range r.Reader.List(subject.PriorityClasses, "") {
		c := o.(*schedulingv1.PriorityClass)
		if c.GlobalDefault && c.Name != but && (lowest == nil || c.Value < lowest.Value) {
			lowest = c
		}
	}
	return lowest
}

func admitClass(r *kind.Request, class *schedulingv1.PriorityClass) error {
	if !class.GlobalDefault {
		return nil
	}
	if other := defaultClass(r, class.Name); other != nil {
		return forbid(r, class.Name, fmt.Errorf("PriorityClass %v is already marked as default. Only one default can exist", other.Name))
	}
	return nil
}
