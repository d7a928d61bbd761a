package kind

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateJobUpdate(j, old *batchv1.Job) (errs field.ErrorList) {
	s, was := &j.Spec, &old.Spec
	errs = validateCompletionsUpdate(s, was)
	errs = append(errs, immutable(s.Selector, was.Selector, specPath.Child("selector"))...)
	errs = append(errs, validateJobTemplateUpdate(j, old)...)
	errs = append(errs, immutable(s.CompletionMode, was.CompletionMode, specPath.Child("completionMode"))...)
	errs = append(errs, immutable(s.PodFailurePolicy, was.PodFailurePolicy, specPath.Child("podFailurePolicy"))...)
	errs = append(errs, immutable(s.BackoffLimitPerIndex, was.BackoffLimitPerIndex, specPath.Child("backoffLimitPerIndex"))...)
	errs = append(errs, immutable(s.ManagedBy, was.ManagedBy, specPath.Child("managedBy"))...)
	return append(errs, immutable(s.SuccessPolicy, was.SuccessPolicy, specPath.Child("successPolicy"))...)
}

// validateCompletionsUpdate lets an indexed job grow and shrink, its completions together with its parallelism.
func validateCompletionsUpdate(s, was *batchv1.JobSpec) field.ErrorList {
	at := specPath.Child("completions")
	if !isIndexed(s) {
		return immutable(s.Completions, was.Completions, at)
	}
	same := s.Completions == nil || was.Completions != nil && *s.Completions == *was.Completions
	if same || *s.Completions == value(s.Parallelism) {
		return nil
	}
	return field.ErrorList{field.Invalid(at, s.Completions, "can only be modified in tandem with spec.parallelism")}
}

// validateJobTemplateUpdate lets the template of a job that does not run yet, or not for now, change in where pods may
// run and in what they need.
func validateJobTemplateUpdate(j, old *batchv1.Job) field.ErrorList {
	template := specPath.Child("template")
	if !isTrue(old.Spec.Suspend) || old.Status.StartTime != nil && !isJob(old, batchv1.JobSuspended) {
		return immutable(j.Spec.Template, old.Spec.Template, template)
	}
	now, was := &j.Spec.Template, old.Spec.Template.DeepCopy()
	was.Annotations, was.Labels = now.Annotations, now.Labels
	was.Spec.NodeSelector, was.Spec.Tolerations, was.Spec.SchedulingGates = now.Spec.NodeSelector, now.Spec.Tolerations, now.Spec.SchedulingGates
	was.Spec.Affinity = withNodeAffinity(was.Spec.Affinity, now.Spec.Affinity)
	withResources(was.Spec.Containers, now.Spec.Containers)
	withResources(was.Spec.InitContainers, now.Spec.InitContainers)
	return immutable(*now, *was, template)
}

// withNodeAffinity is an affinity with the node affinity of another.
func withNodeAffinity(a, from *corev1.Affinity) *corev1.Affinity {
	switch {
	case a == nil && from == nil:
		return nil
	case a == nil:
		return &corev1.Affinity{NodeAffinity: from.NodeAffinity}
	case from != nil:
		a.NodeAffinity = from.NodeAffinity
	default:
		if a.NodeAffinity = nil; *a == (corev1.Affinity{}) {
			return nil
		}
	}
	return a
}

// withResources gives containers the resources of those of the same place and name.
func withResources(containers, from []corev1.Container) {
	for i := range containers {
		if i < len(from) && containers[i].Name == from[i].Name {
			containers[i].Resources = from[i].Resources
		}
	}
}
