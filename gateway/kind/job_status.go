package kind

import (
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateJobStatus(j, old *batchv1.Job) (errs field.ErrorList) {
	s := &j.Status
	errs = counts(count{"active", s.Active}, count{"succeeded", s.Succeeded}, count{"failed", s.Failed},
		count{"ready", value(s.Ready)}, count{"terminating", value(s.Terminating)})
	errs = append(errs, validateUncounted(s.UncountedTerminatedPods, statusPath.Child("uncountedTerminatedPods"))...)
	errs = append(errs, validateJobConditions(j)...)
	errs = append(errs, validateJobEnd(j)...)
	errs = append(errs, validateJobIndexes(j)...)
	return append(errs, validateJobStatusUpdate(j, old)...)
}

func validateUncounted(u *batchv1.UncountedTerminatedPods, p *field.Path) (errs field.ErrorList) {
	if u == nil {
		return nil
	}
	seen := make(map[types.UID]bool, len(u.Succeeded)+len(u.Failed))
	check := func(uids []types.UID, p *field.Path) {
		for i, uid := range uids {
			switch {
			case uid == "":
				errs = append(errs, field.Invalid(p.Index(i), uid, "must not be empty"))
			case seen[uid]:
				errs = append(errs, field.Duplicate(p.Index(i), uid))
			}
			seen[uid] = true
		}
	}
	check(u.Succeeded, p.Child("succeeded"))
	check(u.Failed, p.Child("failed"))
	return errs
}

// validateJobConditions refuses conditions that contradict each other.
func validateJobConditions(j *batchv1.Job) (errs field.ErrorList) {
	complete, failed := isJob(j, batchv1.JobComplete), isJob(j, batchv1.JobFailed)
	failing, met := isJob(j, batchv1.JobFailureTarget), isJob(j, batchv1.JobSuccessCriteriaMet)
	for _, rule := range []struct {
		broken bool
		text   string
	}{
		{complete && failed, "cannot set Complete=True and Failed=true conditions"},
		{complete && failing, "cannot set Complete=True and FailureTarget=true conditions"},
		{failed && !failing, "cannot set Failed=True condition without the FailureTarget=true condition"},
		{complete && !met, "cannot set Complete=True condition without the SuccessCriteriaMet=true condition"},
		{met && failed, "cannot set SuccessCriteriaMet=True and Failed=true conditions"},
		{met && failing, "cannot set SuccessCriteriaMet=True and FailureTarget=true conditions"},
		{j.Spec.SuccessPolicy != nil && complete && !met, "cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True"},
	} {
		if rule.broken {
			errs = append(errs, field.Invalid(statusPath.Child("conditions"), field.OmitValueType{}, rule.text))
		}
	}
	return errs
}

// validateJobEnd checks when a job began and ended, and that a finished one has no pods left.
func validateJobEnd(j *batchv1.Job) (errs field.ErrorList) {
	s := &j.Status
	complete := isJob(j, batchv1.JobComplete)
	finished := complete || isJob(j, batchv1.JobFailed)
	completion := statusPath.Child("completionTime")
	if s.CompletionTime != nil && !complete {
		errs = append(errs, field.Invalid(completion, s.CompletionTime, "cannot set completionTime when there is no Complete=True condition"))
	}
	if s.CompletionTime == nil && complete {
		errs = append(errs, field.Required(completion, "completionTime is required for Complete jobs"))
	}
	if s.StartTime != nil && s.CompletionTime != nil && s.CompletionTime.Before(s.StartTime) {
		errs = append(errs, field.Invalid(completion, s.CompletionTime, "must be equal to or after `startTime`"))
	}
	if s.Ready != nil && *s.Ready > s.Active {
		errs = append(errs, field.Invalid(statusPath.Child("ready"), *s.Ready, "cannot set more ready pods than active"))
	}
	if !finished {
		return errs
	}
	if s.Active > 0 {
		errs = append(errs, field.Invalid(statusPath.Child("active"), s.Active, "active>0 is invalid for finished job"))
	}
	idle := isTrue(j.Spec.Suspend) && j.Spec.Completions != nil && *j.Spec.Completions == 0
	if s.StartTime == nil && !idle {
		errs = append(errs, field.Required(statusPath.Child("startTime"), "startTime is required for finished job"))
	}
	if u := s.UncountedTerminatedPods; u != nil && len(u.Failed)+len(u.Succeeded) > 0 {
		errs = append(errs, field.Invalid(statusPath.Child("uncountedTerminatedPods"), u, "must be empty for finished job"))
	}
	if value(s.Terminating) > 0 {
		errs = append(errs, field.Invalid(statusPath.Child("terminating"), s.Terminating, "terminating>0 is invalid for finished job"))
	}
	return errs
}

func validateJobIndexes(j *batchv1.Job) (errs field.ErrorList) {
	s := &j.Status
	done, failed := statusPath.Child("completedIndexes"), statusPath.Child("failedIndexes")
	if s.CompletedIndexes != "" && !isIndexed(&j.Spec) {
		errs = append(errs, field.Invalid(done, s.CompletedIndexes, "cannot set non-empty completedIndexes when non-indexed completion mode"))
	}
	if j.Spec.BackoffLimitPerIndex == nil && s.FailedIndexes != nil {
		errs = append(errs, field.Invalid(failed, *s.FailedIndexes, "cannot set non-null failedIndexes when backoffLimitPerIndex is null"))
	}
	if j.Spec.Completions == nil {
		return errs
	}
	completed, err := parseIndexes(s.CompletedIndexes, *j.Spec.Completions)
	if err != nil {
		errs = append(errs, field.Invalid(done, s.CompletedIndexes, fmt.Sprintf("error parsing completedIndexes: %s", err)))
	}
	if s.FailedIndexes == nil {
		return errs
	}
	lost, err := parseIndexes(*s.FailedIndexes, *j.Spec.Completions)
	if err != nil && j.Spec.BackoffLimitPerIndex != nil {
		errs = append(errs, field.Invalid(failed, s.FailedIndexes, fmt.Sprintf("error parsing failedIndexes: %s", err)))
	}
	if at, both := overlap(completed, lost); both {
		errs = append(errs, field.Invalid(failed, *s.FailedIndexes, fmt.Sprintf("failedIndexes and completedIndexes overlap at index: %d", at)))
	}
	return errs
}

// validateJobStatusUpdate lets what was counted and how it ended stand.
func validateJobStatusUpdate(j, old *batchv1.Job) (errs field.ErrorList) {
	s, was := &j.Status, &old.Status
	conditions := statusPath.Child("conditions")
	for _, t := range []batchv1.JobConditionType{batchv1.JobFailed, batchv1.JobComplete, batchv1.JobFailureTarget} {
		if isJob(old, t) && !isJob(j, t) {
			errs = append(errs, field.Invalid(conditions, field.OmitValueType{}, fmt.Sprintf("cannot disable the terminal %s=True condition", t)))
		}
	}
	if s.Failed < was.Failed {
		errs = append(errs, field.Invalid(statusPath.Child("failed"), s.Failed, "cannot decrease the failed counter"))
	}
	scales := isIndexed(&j.Spec) && j.Spec.Completions != nil && j.Spec.Parallelism != nil && *j.Spec.Completions == *j.Spec.Parallelism
	if s.Succeeded < was.Succeeded && !scales {
		errs = append(errs, field.Invalid(statusPath.Child("succeeded"), s.Succeeded, "cannot decrease the succeeded counter"))
	}
	if s.CompletionTime != nil && was.CompletionTime != nil && !s.CompletionTime.Equal(was.CompletionTime) {
		errs = append(errs, field.Invalid(statusPath.Child("completionTime"), s.CompletionTime, immutableField))
	}
	if was.StartTime != nil && !was.StartTime.Equal(s.StartTime) && !isTrue(j.Spec.Suspend) {
		errs = append(errs, field.Required(statusPath.Child("startTime"), "startTime cannot be removed for unsuspended job"))
	}
	met := isJob(j, batchv1.JobSuccessCriteriaMet)
	if isJob(old, batchv1.JobSuccessCriteriaMet) && !met {
		errs = append(errs, field.Invalid(conditions, field.OmitValueType{}, "cannot disable the SuccessCriteriaMet=True condition"))
	}
	if isJob(old, batchv1.JobComplete) && !isJob(old, batchv1.JobSuccessCriteriaMet) && met {
		errs = append(errs, field.Invalid(conditions, field.OmitValueType{}, "cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions"))
	}
	return errs
}
