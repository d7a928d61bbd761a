package kind

import (
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func replicaSetKind() *Kind {
	number := func(name string, f func(*appsv1.ReplicaSet) int32) Column {
		return column(name, "integer", 0, func(r *appsv1.ReplicaSet, _ time.Time) any { return int64(f(r)) })
	}
	return &Kind{
		GroupVersionKind: gvk("apps", "v1", "ReplicaSet"), Resource: "replicasets", ShortNames: []string{"rs"},
		Categories: []string{"all"}, Namespaced: true,
		New:     func() Object { return new(appsv1.ReplicaSet) },
		NewList: func() runtime.Object { return new(appsv1.ReplicaSetList) },
		Default: on(func(r *appsv1.ReplicaSet) {
			if r.Spec.Replicas == nil {
				r.Spec.Replicas = ptr[int32](1)
			}
			defaultPodTemplate(&r.Spec.Template)
		}),
		Prepare: prepares(func(r, old *appsv1.ReplicaSet) {
			if r.Status = (appsv1.ReplicaSetStatus{}); old != nil {
				r.Status = old.Status
			}
		}),
		Spec:             part(func(r *appsv1.ReplicaSet) any { return &r.Spec }),
		Validate:         validates(validateReplicaSet),
		What:             whatScaled,
		SelectableFields: []string{"status.replicas"},
		Selectable: labels(func(r *appsv1.ReplicaSet) map[string]string {
			return map[string]string{"status.replicas": strconv.Itoa(int(r.Status.Replicas))}
		}),
		Columns: append([]Column{
			number("Desired", func(r *appsv1.ReplicaSet) int32 { return value(r.Spec.Replicas) }),
			number("Current", func(r *appsv1.ReplicaSet) int32 { return r.Status.Replicas }),
			number("Ready", func(r *appsv1.ReplicaSet) int32 { return r.Status.ReadyReplicas }),
			ageColumn,
		}, templateColumns(func(obj Object) (*corev1.PodSpec, string) {
			r := obj.(*appsv1.ReplicaSet)
			return &r.Spec.Template.Spec, formatSelector(r.Spec.Selector)
		})...),
		Subresources: []Subresource{
			status(func(r, old *appsv1.ReplicaSet) { r.Spec = old.Spec }, validateReplicaSetStatus),
			scale(func(r *appsv1.ReplicaSet) scaled {
				return scaled{r.Spec.Replicas, r.Status.Replicas, r.Spec.Selector}
			}, func(r *appsv1.ReplicaSet, n int32) { r.Spec.Replicas = &n }),
		},
	}
}

func validateReplicaSet(r, old *appsv1.ReplicaSet) (errs field.ErrorList) {
	s := &r.Spec
	errs = atLeastZero(value(s.Replicas), specPath.Child("replicas"))
	errs = append(errs, atLeastZero(s.MinReadySeconds, specPath.Child("minReadySeconds"))...)
	errs = append(errs, validateWorkload(s.Selector, &s.Template, "deployment", "ReplicaSet")...)
	if old != nil && !equality.Semantic.DeepEqual(s.Selector, old.Spec.Selector) {
		errs = append(errs, field.Invalid(specPath.Child("selector"), s.Selector, immutableField))
	}
	return errs
}

func validateReplicaSetStatus(r, _ *appsv1.ReplicaSet) (errs field.ErrorList) {
	s := &r.Status
	errs = counts(count{"terminatingReplicas", value(s.TerminatingReplicas)})
	return append(errs, validateReplicaCounts(s.Replicas, s.FullyLabeledReplicas, s.ReadyReplicas, s.AvailableReplicas, s.ObservedGeneration)...)
}

// validateReplicaCounts checks what the statuses of replica sets and replication controllers count.
func validateReplicaCounts(all, labelled, ready, available int32, generation int64) (errs field.ErrorList) {
	errs = counts(count{"replicas", all}, count{"fullyLabeledReplicas", labelled}, count{"readyReplicas", ready}, count{"availableReplicas", available})
	errs = append(errs, atLeastZero(generation, statusPath.Child("observedGeneration"))...)
	errs = append(errs, noMore("fullyLabeledReplicas", labelled, all)...)
	errs = append(errs, noMore("readyReplicas", ready, all)...)
	errs = append(errs, noMore("availableReplicas", available, all)...)
	if available > ready {
		errs = append(errs, field.Invalid(statusPath.Child("availableReplicas"), available, "cannot be greater than readyReplicas"))
	}
	return errs
}
