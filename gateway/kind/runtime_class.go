package kind

import (
	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func runtimeClassKind() *Kind {
	type class = nodev1.RuntimeClass
	return &Kind{
		GroupVersionKind: gvk("node.k8s.io", "v1", "RuntimeClass"), Resource: "runtimeclasses",
		New:     func() Object { return new(class) },
		NewList: func() runtime.Object { return new(nodev1.RuntimeClassList) },
		Default: on(func(c *class) {
			if c.Overhead != nil {
				defaultResources(c.Overhead.PodFixed)
			}
		}),
		Validate: validates(validateRuntimeClass),
		Columns:  []Column{text("Handler", func(c *class) string { return c.Handler })},
	}
}

func validateRuntimeClass(c, old *nodev1.RuntimeClass) (errs field.ErrorList) {
	handler := field.NewPath("handler")
	if old != nil {
		return immutable(c.Handler, old.Handler, handler)
	}
	errs = invalids(handler, c.Handler, dnsLabel(c.Handler))
	if c.Overhead != nil {
		errs = append(errs, validateContainerResources(&corev1.ResourceRequirements{Limits: c.Overhead.PodFixed}, field.NewPath("overhead"))...)
	}
	if c.Scheduling == nil {
		return errs
	}
	at := field.NewPath("scheduling")
	errs = append(errs, ValidateLabels(c.Scheduling.NodeSelector, at.Child("nodeSelector"))...)
	tolerations := at.Child("tolerations")
	errs = append(errs, validateTolerations(c.Scheduling.Tolerations, tolerations.Child("tolerations"))...)
	seen := make(map[corev1.Toleration]bool, len(c.Scheduling.Tolerations))
	for i, t := range c.Scheduling.Tolerations {
		key := t
		key.TolerationSeconds = nil
		if seen[key] {
			errs = append(errs, field.Duplicate(tolerations.Index(i), t))
		}
		seen[key] = true
	}
	return errs
}
