package kind

import (
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func daemonSetKind() *Kind {
	type set = appsv1.DaemonSet
	return &Kind{
		GroupVersionKind: gvk("apps", "v1", "DaemonSet"), Resource: "daemonsets", ShortNames: []string{"ds"},
		Categories: []string{"all"}, Namespaced: true,
		New:      func() Object { return new(set) },
		NewList:  func() runtime.Object { return new(appsv1.DaemonSetList) },
		Default:  on(defaultDaemonSet),
		Prepare:  prepares(prepareDaemonSet),
		Spec:     part(func(s *set) any { return &s.Spec }),
		Validate: validates(validateDaemonSet),
		Warnings: warns(func(s, old *set) []string {
			if old != nil {
				return nil
			}
			return podSpecWarnings(&s.Spec.Template.Spec, "spec.template.spec")
		}),
		Columns: append([]Column{
			number("Desired", func(s *set) int32 { return s.Status.DesiredNumberScheduled }),
			number("Current", func(s *set) int32 { return s.Status.CurrentNumberScheduled }),
			number("Ready", func(s *set) int32 { return s.Status.NumberReady }),
			number("Up-to-date", func(s *set) int32 { return s.Status.UpdatedNumberScheduled }),
			number("Available", func(s *set) int32 { return s.Status.NumberAvailable }),
			text("Node Selector", func(s *set) string { return formatLabels(s.Spec.Template.Spec.NodeSelector) }),
			ageColumn,
		}, templateColumns(func(obj Object) (*corev1.PodSpec, string) {
			s := obj.(*set)
			return &s.Spec.Template.Spec, formatSelector(s.Spec.Selector)
		})...),
		Subresources: []Subresource{status(func(s, old *set) { s.Spec = old.Spec }, validateDaemonSetStatus)},
	}
}

func defaultDaemonSet(set *appsv1.DaemonSet) {
	s := &set.Spec
	setDefault(&s.UpdateStrategy.Type, appsv1.RollingUpdateDaemonSetStrategyType)
	if s.UpdateStrategy.Type == appsv1.RollingUpdateDaemonSetStrategyType {
		if s.UpdateStrategy.RollingUpdate == nil {
			s.UpdateStrategy.RollingUpdate = new(appsv1.RollingUpdateDaemonSet)
		}
		if s.UpdateStrategy.RollingUpdate.MaxUnavailable == nil {
			s.UpdateStrategy.RollingUpdate.MaxUnavailable = ptr(intstr.FromInt32(1))
		}
		if s.UpdateStrategy.RollingUpdate.MaxSurge == nil {
			s.UpdateStrategy.RollingUpdate.MaxSurge = ptr(intstr.FromInt32(0))
		}
	}
	if s.RevisionHistoryLimit == nil {
		s.RevisionHistoryLimit = ptr[int32](10)
	}
	defaultPodTemplate(&s.Template)
}

// prepareDaemonSet keeps the status, and counts the template's changes in an annotation as clients of old expect.
func prepareDaemonSet(s, old *appsv1.DaemonSet) {
	const key = appsv1.DeprecatedTemplateGeneration
	generation := int64(1)
	if old == nil {
		s.Status = appsv1.DaemonSetStatus{}
		if n, err := strconv.ParseInt(s.Annotations[key], 10, 64); err == nil {
			generation = max(generation, n)
		}
	} else {
		s.Status = old.Status
		if n, err := strconv.ParseInt(old.Annotations[key], 10, 64); err == nil {
			generation = n
		}
		if !equality.Semantic.DeepEqual(&s.Spec.Template, &old.Spec.Template) {
			generation++
		}
	}
	if s.Annotations == nil {
		s.Annotations = make(map[string]string, 1)
	}
	s.Annotations[key] = strconv.FormatInt(generation, 10)
}
