package kind

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateStatefulSet(set, old *appsv1.StatefulSet) (errs field.ErrorList) {
	s := &set.Spec
	switch s.PodManagementPolicy {
	case appsv1.OrderedReadyPodManagement, appsv1.ParallelPodManagement:
	default:
		errs = append(errs, field.Invalid(specPath.Child("podManagementPolicy"), s.PodManagementPolicy,
			fmt.Sprintf("must be '%s' or '%s'", appsv1.OrderedReadyPodManagement, appsv1.ParallelPodManagement)))
	}
	errs = append(errs, validateStatefulStrategy(&s.UpdateStrategy, specPath.Child("updateStrategy"))...)
	if p := s.PersistentVolumeClaimRetentionPolicy; p != nil {
		at := specPath.Child("persistentVolumeClaimRetentionPolicy")
		for _, when := range []struct {
			name string
			v    appsv1.PersistentVolumeClaimRetentionPolicyType
		}{{"whenDeleted", p.WhenDeleted}, {"whenScaled", p.WhenScaled}} {
			errs = append(errs, oneOfOrUnsupported(when.v, at.Child(when.name),
				appsv1.RetainPersistentVolumeClaimRetentionPolicyType, appsv1.DeletePersistentVolumeClaimRetentionPolicyType)...)
		}
	}
	errs = append(errs, atLeastZero(value(s.Replicas), specPath.Child("replicas"))...)
	errs = append(errs, atLeastZero(s.MinReadySeconds, specPath.Child("minReadySeconds"))...)
	if s.Ordinals != nil {
		errs = append(errs, atLeastZero(s.Ordinals.Start, specPath.Child("ordinals.start"))...)
	}
	if s.ServiceName != "" && (old == nil || old.Spec.ServiceName != s.ServiceName) {
		errs = append(errs, invalids(specPath.Child("serviceName"), s.ServiceName, subdomain(s.ServiceName))...)
	}
	errs = append(errs, validateClaimTemplates(s.VolumeClaimTemplates, specPath.Child("volumeClaimTemplates"))...)
	errs = append(errs, validateWorkload(s.Selector, withClaims(&s.Template, s.VolumeClaimTemplates), "statefulset", "StatefulSet")...)
	if old != nil {
		errs = append(errs, validateStatefulSetUpdate(s, &old.Spec)...)
	}
	return errs
}

// withClaims is a template with a volume for each claim of the set; a claim goes before a volume of its name.
func withClaims(t *corev1.PodTemplateSpec, claims []corev1.PersistentVolumeClaim) *corev1.PodTemplateSpec {
	if len(claims) == 0 {
		return t
	}
	names := make(map[string]bool, len(claims))
	volumes := make([]corev1.Volume, 0, len(claims)+len(t.Spec.Volumes))
	for i := range claims {
		name := claims[i].Name
		if names[name] {
			continue
		}
		names[name] = true
		volumes = append(volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name},
		}})
	}
	own := make([]corev1.Volume, 0, cap(volumes))
	for _, v := range t.Spec.Volumes {
		if !names[v.Name] {
			own = append(own, v)
		}
	}
	out := *t
	out.Spec.Volumes = append(own, volumes...) // the user's first: complaints name their places
	return &out
}

func validateClaimTemplates(claims []corev1.PersistentVolumeClaim, p *field.Path) (errs field.ErrorList) {
	names := make(map[string]bool, len(claims))
	for i := range claims {
		c, at := &claims[i], p.Index(i)
		switch {
		case c.Name == "":
			errs = append(errs, field.Required(at.Child("metadata", "name"), ""))
		case names[c.Name]:
			errs = append(errs, field.Duplicate(at.Child("metadata", "name"), c.Name))
		}
		names[c.Name] = true
		errs = append(errs, validateClaimSpec(&c.Spec, at.Child("spec"))...)
	}
	return errs
}

func validateStatefulStrategy(s *appsv1.StatefulSetUpdateStrategy, p *field.Path) (errs field.ErrorList) {
	rolling := p.Child("rollingUpdate")
	switch s.Type {
	case appsv1.OnDeleteStatefulSetStrategyType:
		if s.RollingUpdate != nil {
			errs = append(errs, field.Invalid(rolling, s.RollingUpdate, fmt.Sprintf("only allowed for updateStrategy '%s'", appsv1.RollingUpdateStatefulSetStrategyType)))
		}
	case appsv1.RollingUpdateStatefulSetStrategyType:
		if s.RollingUpdate == nil {
			return nil
		}
		errs = append(errs, atLeastZero(value(s.RollingUpdate.Partition), rolling.Child("partition"))...)
		at := rolling.Child("maxUnavailable")
		errs = append(errs, countOrPercent(s.RollingUpdate.MaxUnavailable, at)...)
		if s.RollingUpdate.MaxUnavailable != nil && isNothing(s.RollingUpdate.MaxUnavailable) {
			errs = append(errs, field.Invalid(at, *s.RollingUpdate.MaxUnavailable, "cannot be 0"))
		}
		errs = append(errs, atMostAll(s.RollingUpdate.MaxUnavailable, at)...)
	default:
		errs = append(errs, field.Invalid(p, s, fmt.Sprintf("must be '%s' or '%s'", appsv1.RollingUpdateStatefulSetStrategyType, appsv1.OnDeleteStatefulSetStrategyType)))
	}
	return errs
}

// validateStatefulSetUpdate compares the specs with all that may change made equal.
func validateStatefulSetUpdate(s, old *appsv1.StatefulSetSpec) field.ErrorList {
	now := *s
	now.Replicas, now.Ordinals, now.Template, now.UpdateStrategy = old.Replicas, old.Ordinals, old.Template, old.UpdateStrategy
	now.RevisionHistoryLimit, now.MinReadySeconds = old.RevisionHistoryLimit, old.MinReadySeconds
	now.PersistentVolumeClaimRetentionPolicy = old.PersistentVolumeClaimRetentionPolicy
	if equality.Semantic.DeepEqual(&now, old) {
		return nil
	}
	return field.ErrorList{field.Forbidden(specPath, "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "+
		"'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden")}
}

func validateStatefulSetStatus(set, old *appsv1.StatefulSet) (errs field.ErrorList) {
	s := &set.Status
	errs = counts(
		count{"replicas", s.Replicas}, count{"readyReplicas", s.ReadyReplicas}, count{"currentReplicas", s.CurrentReplicas},
		count{"updatedReplicas", s.UpdatedReplicas}, count{"availableReplicas", s.AvailableReplicas}, count{"collisionCount", value(s.CollisionCount)},
	)
	errs = append(errs, atLeastZero(s.ObservedGeneration, statusPath.Child("observedGeneration"))...)
	errs = append(errs, noMore("readyReplicas", s.ReadyReplicas, s.Replicas)...)
	errs = append(errs, noMore("currentReplicas", s.CurrentReplicas, s.Replicas)...)
	errs = append(errs, noMore("updatedReplicas", s.UpdatedReplicas, s.Replicas)...)
	errs = append(errs, noMore("availableReplicas", s.AvailableReplicas, s.Replicas)...)
	if s.AvailableReplicas > s.ReadyReplicas {
		errs = append(errs, field.Invalid(statusPath.Child("availableReplicas"), s.AvailableReplicas, "cannot be greater than status.readyReplicas"))
	}
	return append(errs, notDecremented(s.CollisionCount, old.Status.CollisionCount)...)
}
