package admission

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

// Priority gives every pod the number and the preemption policy of its class, and lets
// there be but one default class.
type Priority struct{}

// Name is the plugin's.
func (Priority) Name() string { return "Priority" }

// Admit completes a new pod, keeps the priority of one that is replaced, and refuses a second default class.
func (Priority) Admit(ctx context.Context, q *kind.Request, obj, old kind.Object) error {
	if class, ok := written[*schedulingv1.PriorityClass](q, obj); ok {
		return admitClass(q, class)
	}
	pod, ok := written[*corev1.Pod](q, obj)
	if !ok {
		return nil
	}
	if was, ok := old.(*corev1.Pod); ok {
		keepPriority(&pod.Spec, &was.Spec)
		return nil
	}
	return prioritize(ctx, q, &pod.Spec)
}

// keepPriority spares the author of a replacement what the system filled in.
func keepPriority(s, old *corev1.PodSpec) {
	if s.Priority == nil {
		s.Priority = old.Priority
	}
	if s.PreemptionPolicy == nil {
		s.PreemptionPolicy = old.PreemptionPolicy
	}
}

// rank is what a pod gets of its class.
type rank struct {
	priority int32
	policy   corev1.PreemptionPolicy
}

func prioritize(ctx context.Context, q *kind.Request, s *corev1.PodSpec) error {
	class, err := classOf(ctx, q, s.PriorityClassName)
	if err != nil {
		return err
	}
	got := &rank{policy: corev1.PreemptLowerPriority}
	if class != nil {
		s.PriorityClassName, got.priority = class.Name, class.Value
		if class.PreemptionPolicy != nil {
			got.policy = *class.PreemptionPolicy
		}
	}
	if s.Priority != nil && *s.Priority != got.priority {
		return refuse(q, "the integer value of priority (%d) must not be provided in pod spec; priority admission controller computed %d from the given PriorityClass name", *s.Priority, got.priority)
	}
	if s.PreemptionPolicy != nil && *s.PreemptionPolicy != got.policy {
		return refuse(q, "the string value of PreemptionPolicy (%s) must not be provided in pod spec; priority admission controller computed %s from the given PriorityClass name", *s.PreemptionPolicy, got.policy)
	}
	s.Priority, s.PreemptionPolicy = &got.priority, &got.policy
	return nil
}

// classOf is the class of a name; of none the default class, nil if there is none.
func classOf(ctx context.Context, q *kind.Request, name string) (*schedulingv1.PriorityClass, error) {
	if name == "" {
		return defaultClass(q.Reader), nil
	}
	obj, _, err := find(ctx, q, subject.PriorityClasses, "", name)
	if err != nil {
		return nil, err
	}
	if class, ok := obj.(*schedulingv1.PriorityClass); ok {
		return class, nil
	}
	return nil, refuse(q, "no PriorityClass with name %v was found", name)
}

// defaultClass is the default class; should a race have let in several, the lowest.
func defaultClass(r kind.Reader) (lowest *schedulingv1.PriorityClass) {
	for _, obj := range r.List(subject.PriorityClasses, "") {
		class, ok := obj.(*schedulingv1.PriorityClass)
		if ok && class.GlobalDefault && (lowest == nil || class.Value < lowest.Value) {
			lowest = class
		}
	}
	return lowest
}

func admitClass(q *kind.Request, class *schedulingv1.PriorityClass) error {
	if !class.GlobalDefault {
		return nil
	}
	if other := defaultClass(q.Reader); other != nil && other.Name != class.Name {
		return refuse(q, "PriorityClass %v is already marked as default. Only one default can exist", other.Name)
	}
	return nil
}
