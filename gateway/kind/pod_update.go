package kind

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/diff"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validatePod(p, old *corev1.Pod) field.ErrorList {
	if old != nil {
		return validatePodUpdate(p, old)
	}
	errs := validatePodSpec(&p.Spec, specPath, podScope{pod: true})
	if len(p.Spec.EphemeralContainers) > 0 {
		errs = append(errs, field.Forbidden(specPath.Child("ephemeralContainers"), "cannot be set on create"))
	}
	return append(errs, validatePodAnnotations(p)...)
}

func validatePodAnnotations(p *corev1.Pod) (errs field.ErrorList) {
	if _, ok := p.Annotations[corev1.MirrorPodAnnotationKey]; ok && p.Spec.NodeName == "" {
		at := metaPath.Child("annotations").Key(corev1.MirrorPodAnnotationKey)
		errs = append(errs, field.Invalid(at, "", "must set spec.nodeName if mirror pod annotation is set"))
	}
	return errs
}

// validatePodUpdate lets an update change images, the active deadline (downwards), tolerations (added), a
// negative grace period to 1 and, on a gated pod, what narrows where it may run.
func validatePodUpdate(p, old *corev1.Pod) field.ErrorList {
	if podSpecUnchanged(&p.Spec, &old.Spec) {
		return nil
	}
	errs := validateContainersUpdate(p.Spec.Containers, old.Spec.Containers, specPath.Child("containers"))
	errs = append(errs, validateContainersUpdate(p.Spec.InitContainers, old.Spec.InitContainers, specPath.Child("initContainers"))...)
	if len(errs) > 0 {
		return errs
	}
	errs = validateDeadlineUpdate(p, old)
	errs = append(errs, validateTolerationsUpdate(p.Spec.Tolerations, old.Spec.Tolerations, specPath.Child("tolerations"))...)
	errs = append(errs, validateGatesUpdate(p, old)...)
	return append(errs, validateFixedSpec(p, old)...)
}

func podSpecUnchanged(a, b *corev1.PodSpec) bool { return equality.Semantic.DeepEqual(a, b) }

func validateContainersUpdate(now, old []corev1.Container, at *field.Path) (errs field.ErrorList) {
	if len(now) != len(old) {
		return field.ErrorList{field.Forbidden(at, "pod updates may not add or remove containers")}
	}
	for i := range now {
		errs = append(errs, validateImage(now[i].Image, at.Index(i).Child("image"))...)
	}
	return errs
}

func validateDeadlineUpdate(p, old *corev1.Pod) field.ErrorList {
	at := specPath.Child("activeDeadlineSeconds")
	now, was := p.Spec.ActiveDeadlineSeconds, old.Spec.ActiveDeadlineSeconds
	switch {
	case now == nil && was != nil:
		return field.ErrorList{field.Invalid(at, now, "must not update from a positive integer to nil value")}
	case now != nil && (*now < 0 || *now > maxInt32):
		return field.ErrorList{field.Invalid(at, *now, "must be between 0 and 2147483647, inclusive")}
	case now != nil && was != nil && *was < *now:
		return field.ErrorList{field.Invalid(at, *now, "must be less than or equal to previous value")}
	}
	return nil
}

func validateTolerationsUpdate(now, old []corev1.Toleration, at *field.Path) (errs field.ErrorList) {
	errs = validateTolerations(now, at)
	for i := range old {
		kept := false
		for j := range now {
			a, b := old[i], now[j]
			a.TolerationSeconds, b.TolerationSeconds = nil, nil
			kept = kept || a == b
		}
		if !kept {
			return append(errs, field.Forbidden(at, "existing toleration can not be modified except its tolerationSeconds"))
		}
	}
	return errs
}

func validateGatesUpdate(p, old *corev1.Pod) (errs field.ErrorList) {
	for i, g := range p.Spec.SchedulingGates {
		had := false
		for _, o := range old.Spec.SchedulingGates {
			had = had || o == g
		}
		if !had {
			errs = append(errs, field.Forbidden(specPath.Child("schedulingGates").Index(i).Child("name"), "only deletion is allowed, but found new scheduling gate '"+g.Name+"'"))
		}
	}
	return errs
}

// validateFixedSpec compares the specs with all that may change made equal.
func validateFixedSpec(p, old *corev1.Pod) field.ErrorList {
	s := *p.Spec.DeepCopy()
	for i := range s.Containers {
		s.Containers[i].Image = old.Spec.Containers[i].Image
	}
	for i := range s.InitContainers {
		s.InitContainers[i].Image = old.Spec.InitContainers[i].Image
	}
	s.ActiveDeadlineSeconds = old.Spec.ActiveDeadlineSeconds
	s.Tolerations = old.Spec.Tolerations
	s.SchedulingGates = old.Spec.SchedulingGates
	if was := old.Spec.TerminationGracePeriodSeconds; was != nil && *was < 0 && s.TerminationGracePeriodSeconds != nil && *s.TerminationGracePeriodSeconds == 1 {
		s.TerminationGracePeriodSeconds = was
	}
	var errs field.ErrorList
	if len(old.Spec.SchedulingGates) > 0 {
		errs = validateNarrowing(p, old)
		s.NodeSelector = old.Spec.NodeSelector
		if s.Affinity != nil && old.Spec.Affinity != nil {
			s.Affinity.NodeAffinity = old.Spec.Affinity.NodeAffinity
		} else if s.Affinity != nil && s.Affinity.PodAffinity == nil && s.Affinity.PodAntiAffinity == nil {
			s.Affinity = old.Spec.Affinity
		}
	}
	if !equality.Semantic.DeepEqual(s, old.Spec) {
		errs = append(errs, field.Forbidden(specPath, fixedSpec(&old.Spec, &s)))
	}
	return errs
}

// fixedSpec says what an update may change and what this one would have.
func fixedSpec(old, now *corev1.PodSpec) string {
	return "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`," +
		"`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations)," +
		"`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n" + diff.Diff(old, now)
}

// validateNarrowing lets a gated pod's node selector and required node affinity only be added to.
func validateNarrowing(p, old *corev1.Pod) (errs field.ErrorList) {
	for k, v := range old.Spec.NodeSelector {
		if now, ok := p.Spec.NodeSelector[k]; !ok || now != v {
			errs = append(errs, field.Invalid(specPath.Child("nodeSelector"), p.Spec.NodeSelector, "only additions are allowed (no mutations or deletions)"))
			break
		}
	}
	was, now := requiredTerms(old), requiredTerms(p)
	at := specPath.Child("affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms")
	switch {
	case was == nil:
	case len(was) != len(now):
		errs = append(errs, field.Invalid(at, now, "no additions/deletions to non-empty NodeSelectorTerms list are allowed"))
	default:
		for i := range was {
			if !extends(now[i].MatchExpressions, was[i].MatchExpressions) || !extends(now[i].MatchFields, was[i].MatchFields) {
				errs = append(errs, field.Invalid(at.Index(i), now[i], "only additions are allowed (no mutations or deletions)"))
			}
		}
	}
	return errs
}

func requiredTerms(p *corev1.Pod) []corev1.NodeSelectorTerm {
	if a := p.Spec.Affinity; a != nil && a.NodeAffinity != nil && a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution != nil {
		return a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	}
	return nil
}

func extends(now, was []corev1.NodeSelectorRequirement) bool {
	return len(now) >= len(was) && equality.Semantic.DeepEqual(now[:len(was)], was)
}
