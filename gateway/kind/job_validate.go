package kind

import (
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	labelset "k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Bounds that keep the lists of indexes in a job's status short.
const (
	maxIndexed         = 100_000
	maxIndexedWithMany = 10_000
	maxManagedBy       = 63
)

func validateJob(j, old *batchv1.Job) (errs field.ErrorList) {
	if old == nil {
		errs = validateOwnSelector(j)
	}
	s := &j.Spec
	errs = append(errs, validateJobSpec(s, specPath)...)
	selector := specPath.Child("selector")
	if s.Selector == nil {
		errs = append(errs, field.Required(selector, ""))
	}
	errs = append(errs, validateSelector(s.Selector, selector)...)
	if of, err := metav1.LabelSelectorAsSelector(s.Selector); err == nil && !of.Matches(labelset.Set(s.Template.Labels)) {
		errs = append(errs, field.Invalid(specPath.Child("template", "metadata", "labels"), s.Template.Labels, "`selector` does not match template `labels`"))
	}
	if old != nil {
		return append(errs, validateJobUpdate(j, old)...)
	}
	if isIndexed(s) && value(s.Completions) > 0 {
		hostname := fmt.Sprintf("%s-%d", j.Name, *s.Completions-1)
		if len(dnsLabel(hostname)) > 0 {
			errs = append(errs, field.Invalid(metaPath.Child("name"), j.Name, "will not able to create pod with invalid DNS label: "+hostname))
		}
	}
	return errs
}

// validateOwnSelector checks that labels and a selector that the user wrote are those that would have been made.
func validateOwnSelector(j *batchv1.Job) (errs field.ErrorList) {
	if isTrue(j.Spec.ManualSelector) || j.Spec.Selector == nil {
		return nil
	}
	at := specPath.Child("template", "metadata", "labels")
	own := labelset.Set{
		legacyControllerUID: string(j.UID), legacyJobName: j.Name, batchv1.ControllerUidLabel: string(j.UID), batchv1.JobNameLabel: j.Name,
	}
	for _, key := range []string{legacyControllerUID, legacyJobName, batchv1.ControllerUidLabel, batchv1.JobNameLabel} {
		if j.Spec.Template.Labels[key] != own[key] {
			errs = append(errs, field.Invalid(at.Key(key), j.Spec.Template.Labels, fmt.Sprintf("must be '%s'", own[key])))
		}
	}
	if of, err := metav1.LabelSelectorAsSelector(j.Spec.Selector); err == nil && !of.Matches(own) {
		errs = append(errs, field.Invalid(specPath.Child("selector"), j.Spec.Selector, "`selector` not auto-generated"))
	}
	return errs
}

func isIndexed(s *batchv1.JobSpec) bool {
	return s.CompletionMode != nil && *s.CompletionMode == batchv1.IndexedCompletion
}

// validateJobSpec checks what the specs of jobs and of cron jobs' templates have in common.
func validateJobSpec(s *batchv1.JobSpec, p *field.Path) (errs field.ErrorList) {
	for _, n := range []struct {
		name string
		v    *int32
	}{
		{"parallelism", s.Parallelism}, {"completions", s.Completions}, {"backoffLimit", s.BackoffLimit},
		{"ttlSecondsAfterFinished", s.TTLSecondsAfterFinished}, {"backoffLimitPerIndex", s.BackoffLimitPerIndex},
		{"maxFailedIndexes", s.MaxFailedIndexes},
	} {
		errs = append(errs, atLeastZero(value(n.v), p.Child(n.name))...)
	}
	if s.ActiveDeadlineSeconds != nil {
		errs = append(errs, atLeastZero(*s.ActiveDeadlineSeconds, p.Child("activeDeadlineSeconds"))...)
	}
	if s.MaxFailedIndexes != nil && s.BackoffLimitPerIndex == nil {
		errs = append(errs, field.Required(p.Child("backoffLimitPerIndex"), "when maxFailedIndexes is specified"))
	}
	if s.ManagedBy != nil {
		at := p.Child("managedBy")
		errs = append(errs, validation.IsDomainPrefixedPath(at, *s.ManagedBy)...)
		if len(*s.ManagedBy) > maxManagedBy {
			errs = append(errs, field.TooLong(at, "", maxManagedBy))
		}
	}
	errs = append(errs, validateCompletionMode(s, p)...)
	if s.PodFailurePolicy != nil {
		errs = append(errs, validateFailurePolicy(s, p.Child("podFailurePolicy"))...)
	}
	if s.SuccessPolicy != nil {
		errs = append(errs, validateSuccessPolicy(s, p.Child("successPolicy"))...)
	}
	errs = append(errs, validateReplacement(s, p.Child("podReplacementPolicy"))...)
	errs = append(errs, validateAnyTemplate(&s.Template, p.Child("template"))...)
	return append(errs, validateJobRestart(s, p.Child("template", "spec", "restartPolicy"))...)
}

func validateReplacement(s *batchv1.JobSpec, p *field.Path) field.ErrorList {
	switch {
	case s.PodReplacementPolicy == nil:
		return nil
	case s.PodFailurePolicy != nil:
		return oneOfOrUnsupported(*s.PodReplacementPolicy, p, batchv1.Failed)
	}
	return oneOfOrUnsupported(*s.PodReplacementPolicy, p, batchv1.Failed, batchv1.TerminatingOrFailed)
}

// validateJobRestart asks for a policy: the one of pods by default would have a job never end.
func validateJobRestart(s *batchv1.JobSpec, p *field.Path) field.ErrorList {
	switch policy := s.Template.Spec.RestartPolicy; {
	case policy == corev1.RestartPolicyAlways || policy == "":
		return field.ErrorList{field.Required(p, fmt.Sprintf("valid values: %q, %q", corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever))}
	case policy != corev1.RestartPolicyOnFailure && policy != corev1.RestartPolicyNever:
		return field.ErrorList{field.NotSupported(p, policy, []corev1.RestartPolicy{corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever})}
	case s.PodFailurePolicy != nil && policy != corev1.RestartPolicyNever:
		return field.ErrorList{field.Invalid(p, policy, fmt.Sprintf("only %q is supported when podFailurePolicy is specified", corev1.RestartPolicyNever))}
	}
	return nil
}

func validateCompletionMode(s *batchv1.JobSpec, p *field.Path) (errs field.ErrorList) {
	if s.CompletionMode != nil {
		errs = oneOfOrUnsupported(*s.CompletionMode, p.Child("completionMode"), batchv1.NonIndexedCompletion, batchv1.IndexedCompletion)
	}
	failed := p.Child("maxFailedIndexes")
	if !isIndexed(s) {
		if s.CompletionMode == nil || *s.CompletionMode == batchv1.NonIndexedCompletion {
			if s.BackoffLimitPerIndex != nil {
				errs = append(errs, field.Invalid(p.Child("backoffLimitPerIndex"), *s.BackoffLimitPerIndex, "requires indexed completion mode"))
			}
			if s.MaxFailedIndexes != nil {
				errs = append(errs, field.Invalid(failed, *s.MaxFailedIndexes, "requires indexed completion mode"))
			}
		}
		return errs
	}
	if s.Completions == nil {
		errs = append(errs, field.Required(p.Child("completions"), fmt.Sprintf("when completion mode is %s", batchv1.IndexedCompletion)))
	}
	most := func(v *int32, bound int32, at *field.Path, text string) {
		if v != nil && *v > bound {
			errs = append(errs, field.Invalid(at, *v, text))
		}
	}
	most(s.Parallelism, maxIndexed, p.Child("parallelism"), fmt.Sprintf("must be less than or equal to %d when completion mode is %s", maxIndexed, batchv1.IndexedCompletion))
	if s.Completions != nil {
		most(s.MaxFailedIndexes, *s.Completions, failed, "must be less than or equal to completions")
	}
	most(s.MaxFailedIndexes, maxIndexed, failed, fmt.Sprintf("must be less than or equal to %d", maxIndexed))
	if value(s.Completions) > maxIndexed && s.BackoffLimitPerIndex != nil {
		if s.MaxFailedIndexes == nil {
			errs = append(errs, field.Required(failed, fmt.Sprintf("must be specified when completions is above %d", maxIndexed)))
		}
		text := fmt.Sprintf("must be less than or equal to %d when completions are above %d and used with backoff limit per index", maxIndexedWithMany, maxIndexed)
		most(s.Parallelism, maxIndexedWithMany, p.Child("parallelism"), text)
		most(s.MaxFailedIndexes, maxIndexedWithMany, failed, text)
	}
	return errs
}
