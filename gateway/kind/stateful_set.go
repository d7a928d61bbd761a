package kind

import (
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func statefulSetKind() *Kind {
	type set = appsv1.StatefulSet
	return &Kind{
		GroupVersionKind: gvk("apps", "v1", "StatefulSet"), Resource: "statefulsets", ShortNames: []string{"sts"},
		Categories: []string{"all"}, Namespaced: true,
		New:      func() Object { return new(set) },
		NewList:  func() runtime.Object { return new(appsv1.StatefulSetList) },
		NameRule: LabelName,
		Default:  on(defaultStatefulSet),
		Prepare:  keepsStatus(func(s *set) *appsv1.StatefulSetStatus { return &s.Status }),
		Spec:     part(func(s *set) any { return &s.Spec }),
		Validate: validates(validateStatefulSet),
		Warnings: warns(statefulSetWarnings),
		What:     whatScaled,
		Columns: append([]Column{
			text("Ready", func(s *set) string {
				return strconv.Itoa(int(s.Status.ReadyReplicas)) + "/" + strconv.Itoa(int(value(s.Spec.Replicas)))
			}),
			ageColumn,
		}, templateColumns(func(obj Object) (*corev1.PodSpec, string) { return &obj.(*set).Spec.Template.Spec, "" })[:2]...),
		Subresources: []Subresource{
			status(func(s, old *set) { s.Spec = old.Spec }, validateStatefulSetStatus),
			scale(func(s *set) scaled { return scaled{s.Spec.Replicas, s.Status.Replicas, s.Spec.Selector} },
				func(s *set, n int32) { s.Spec.Replicas = &n }),
		},
	}
}

func defaultStatefulSet(set *appsv1.StatefulSet) {
	s := &set.Spec
	setDefault(&s.PodManagementPolicy, appsv1.OrderedReadyPodManagement)
	setDefault(&s.UpdateStrategy.Type, appsv1.RollingUpdateStatefulSetStrategyType)
	if s.UpdateStrategy.Type == appsv1.RollingUpdateStatefulSetStrategyType {
		if s.UpdateStrategy.RollingUpdate == nil {
			s.UpdateStrategy.RollingUpdate = new(appsv1.RollingUpdateStatefulSetStrategy)
		}
		r := s.UpdateStrategy.RollingUpdate
		if r.Partition == nil {
			r.Partition = new(int32)
		}
		if r.MaxUnavailable == nil {
			r.MaxUnavailable = ptr(intstr.FromInt32(1))
		}
	}
	if s.PersistentVolumeClaimRetentionPolicy == nil {
		s.PersistentVolumeClaimRetentionPolicy = new(appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy)
	}
	setDefault(&s.PersistentVolumeClaimRetentionPolicy.WhenDeleted, appsv1.RetainPersistentVolumeClaimRetentionPolicyType)
	setDefault(&s.PersistentVolumeClaimRetentionPolicy.WhenScaled, appsv1.RetainPersistentVolumeClaimRetentionPolicyType)
	if s.Replicas == nil {
		s.Replicas = ptr[int32](1)
	}
	if s.RevisionHistoryLimit == nil {
		s.RevisionHistoryLimit = ptr[int32](10)
	}
	defaultPodTemplate(&s.Template)
	for i := range s.VolumeClaimTemplates {
		defaultClaim(&s.VolumeClaimTemplates[i])
	}
}

func statefulSetWarnings(s, old *appsv1.StatefulSet) (warnings []string) {
	if old != nil {
		return nil
	}
	if limit := s.Spec.RevisionHistoryLimit; limit != nil && *limit < 0 {
		warnings = append(warnings, "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended")
	}
	return append(warnings, podSpecWarnings(&s.Spec.Template.Spec, "spec.template.spec")...)
}
