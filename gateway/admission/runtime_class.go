package admission

import (
	"context"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"taffrail.dev/gateway/kind"
)

// RuntimeClass gives a pod what its runtime class costs and where it runs.
type RuntimeClass struct{}

var _ Validator = RuntimeClass{}

// Name is the plugin's.
func (RuntimeClass) Name() string { return "RuntimeClass" }

// Admit completes a new pod.
func (RuntimeClass) Admit(ctx context.Context, q *kind.Request, obj, old kind.Object) error {
	pod, ok := created[*corev1.Pod](q, obj, old)
	if !ok || pod.Spec.RuntimeClassName == nil {
		return nil
	}
	class, err := runtimeClassOf(ctx, q, *pod.Spec.RuntimeClassName)
	if err != nil {
		return err
	}
	if class.Overhead != nil {
		if pod.Spec.Overhead != nil && !equality.Semantic.DeepEqual(pod.Spec.Overhead, class.Overhead.PodFixed) {
			return mismatched(q)
		}
		pod.Spec.Overhead = class.Overhead.PodFixed.DeepCopy()
	}
	if class.Scheduling == nil {
		return nil
	}
	return placeByClass(q, &pod.Spec, class.Scheduling)
}

// Validate refuses an overhead that is not the class's.
func (RuntimeClass) Validate(ctx context.Context, q *kind.Request, obj, old kind.Object) error {
	pod, ok := created[*corev1.Pod](q, obj, old)
	if !ok || pod.Spec.RuntimeClassName == nil && len(pod.Spec.Overhead) == 0 {
		return nil
	}
	class := &nodev1.RuntimeClass{}
	if pod.Spec.RuntimeClassName != nil {
		var err error
		if class, err = runtimeClassOf(ctx, q, *pod.Spec.RuntimeClassName); err != nil {
			return err
		}
	}
	switch {
	case class.Overhead != nil && !equality.Semantic.DeepEqual(pod.Spec.Overhead, class.Overhead.PodFixed):
		return mismatched(q)
	case class.Overhead == nil && len(pod.Spec.Overhead) > 0:
		return refuse(q, "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead")
	}
	return nil
}

func mismatched(q *kind.Request) error {
	return refuse(q, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead")
}

func runtimeClassOf(ctx context.Context, q *kind.Request, name string) (*nodev1.RuntimeClass, error) {
	obj, _, err := find(ctx, q, runtimeClasses, "", name)
	if err != nil {
		return nil, err
	}
	if class, ok := obj.(*nodev1.RuntimeClass); ok {
		return class, nil
	}
	return nil, refuse(q, "pod rejected: RuntimeClass %q not found", name)
}

// placeByClass lets a pod run only where its class can.
func placeByClass(q *kind.Request, s *corev1.PodSpec, class *nodev1.Scheduling) error {
	for _, key := range slices.Sorted(maps.Keys(class.NodeSelector)) {
		want := class.NodeSelector[key]
		if have, ok := s.NodeSelector[key]; ok && have != want {
			return refuse(q, "conflict: runtimeClass.scheduling.nodeSelector[%s] = %s; pod.spec.nodeSelector[%s] = %s", key, want, key, have)
		}
		if s.NodeSelector == nil {
			s.NodeSelector = map[string]string{}
		}
		s.NodeSelector[key] = want
	}
	for i := range class.Tolerations {
		t := class.Tolerations[i].DeepCopy()
		if !slices.ContainsFunc(s.Tolerations, func(have corev1.Toleration) bool { return equality.Semantic.DeepEqual(have, *t) }) {
			s.Tolerations = append(s.Tolerations, *t)
		}
	}
	return nil
}
