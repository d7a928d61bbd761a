package kind

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	labelset "k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func replicationControllerKind() *Kind {
	type controller = corev1.ReplicationController
	return &Kind{
		GroupVersionKind: core("ReplicationController"), Resource: "replicationcontrollers", ShortNames: []string{"rc"},
		Categories: []string{"all"}, Namespaced: true,
		New:      func() Object { return new(controller) },
		NewList:  func() runtime.Object { return new(corev1.ReplicationControllerList) },
		Default:  on(defaultReplicationController),
		Prepare:  keepsStatus(func(c *controller) *corev1.ReplicationControllerStatus { return &c.Status }),
		Spec:     part(func(c *controller) any { return &c.Spec }),
		Validate: validates(func(c, _ *controller) field.ErrorList { return validateReplicationController(c) }),
		Warnings: warns(func(c, old *controller) []string {
			if old != nil || c.Spec.Template == nil {
				return nil
			}
			return podSpecWarnings(&c.Spec.Template.Spec, "spec.template.spec")
		}),
		What:             whatScaled,
		SelectableFields: []string{"status.replicas"},
		Selectable: labels(func(c *controller) map[string]string {
			return map[string]string{"status.replicas": strconv.Itoa(int(c.Status.Replicas))}
		}),
		Columns: append([]Column{
			number("Desired", func(c *controller) int32 { return value(c.Spec.Replicas) }),
			number("Current", func(c *controller) int32 { return c.Status.Replicas }),
			number("Ready", func(c *controller) int32 { return c.Status.ReadyReplicas }),
			ageColumn,
		}, templateColumns(func(obj Object) (*corev1.PodSpec, string) {
			c := obj.(*controller)
			if c.Spec.Template == nil {
				return new(corev1.PodSpec), formatLabels(c.Spec.Selector)
			}
			return &c.Spec.Template.Spec, formatLabels(c.Spec.Selector)
		})...),
		Subresources: []Subresource{
			status(func(c, old *controller) { c.Spec = old.Spec }, validateReplicationControllerStatus),
			scale(func(c *controller) scaled {
				return scaled{c.Spec.Replicas, c.Status.Replicas, &metav1.LabelSelector{MatchLabels: c.Spec.Selector}}
			}, func(c *controller, n int32) { c.Spec.Replicas = &n }),
		},
	}
}

// defaultReplicationController selects and labels by the template's labels where nothing is said.
func defaultReplicationController(c *corev1.ReplicationController) {
	if c.Spec.Replicas == nil {
		c.Spec.Replicas = ptr[int32](1)
	}
	if c.Spec.Template == nil {
		return
	}
	defaultPodTemplate(c.Spec.Template)
	if own := c.Spec.Template.Labels; own != nil {
		if len(c.Spec.Selector) == 0 {
			c.Spec.Selector = copied(own)
		}
		if len(c.Labels) == 0 {
			c.Labels = copied(own)
		}
	}
}

func copied(m map[string]string) map[string]string {
	out := make(map[string]string, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

func validateReplicationController(c *corev1.ReplicationController) (errs field.ErrorList) {
	s, template := &c.Spec, specPath.Child("template")
	errs = atLeastZero(s.MinReadySeconds, specPath.Child("minReadySeconds"))
	if len(s.Selector) == 0 {
		errs = append(errs, field.Required(specPath.Child("selector"), ""))
	}
	errs = append(errs, atLeastZero(value(s.Replicas), specPath.Child("replicas"))...)
	if s.Template == nil {
		return append(errs, field.Required(template, ""))
	}
	if len(s.Selector) > 0 && !labelset.SelectorFromSet(s.Selector).Matches(labelset.Set(s.Template.Labels)) {
		errs = append(errs, field.Invalid(template.Child("metadata", "labels"), s.Template.Labels, "`selector` does not match template `labels`"))
	}
	return append(errs, validatePodTemplate(s.Template, template, "ReplicationController")...)
}

func validateReplicationControllerStatus(c, _ *corev1.ReplicationController) (errs field.ErrorList) {
	s := &c.Status
	errs = counts(
		count{"replicas", s.Replicas}, count{"fullyLabeledReplicas", s.FullyLabeledReplicas},
		count{"readyReplicas", s.ReadyReplicas}, count{"availableReplicas", s.AvailableReplicas},
	)
	errs = append(errs, atLeastZero(s.ObservedGeneration, statusPath.Child("observedGeneration"))...)
	errs = append(errs, noMore("fullyLabeledReplicas", s.FullyLabeledReplicas, s.Replicas)...)
	errs = append(errs, noMore("readyReplicas", s.ReadyReplicas, s.Replicas)...)
	errs = append(errs, noMore("availableReplicas", s.AvailableReplicas, s.Replicas)...)
	if s.AvailableReplicas > s.ReadyReplicas {
		errs = append(errs, field.Invalid(statusPath.Child("availableReplicas"), s.AvailableReplicas, "cannot be greater than readyReplicas"))
	}
	return errs
}
