package kind

import (
	"fmt"
	"math"
	"strconv"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/duration"
)

func jobKind() *Kind {
	return &Kind{
		GroupVersionKind: gvk("batch", "v1", "Job"), Resource: "jobs", Categories: []string{"all"}, Namespaced: true,
		New:              func() Object { return new(batchv1.Job) },
		NewList:          func() runtime.Object { return new(batchv1.JobList) },
		Default:          on(defaultJob),
		Prepare:          prepares(prepareJob),
		Spec:             part(func(j *batchv1.Job) any { return &j.Spec }),
		Validate:         validates(validateJob),
		Warnings:         warns(jobWarnings),
		SelectableFields: []string{"status.successful"},
		Selectable: labels(func(j *batchv1.Job) map[string]string {
			return map[string]string{"status.successful": strconv.Itoa(int(j.Status.Succeeded))}
		}),
		Columns: append([]Column{
			text("Status", jobState), text("Completions", jobCompletions), column("Duration", "string", 0, jobDuration), ageColumn,
		}, templateColumns(func(obj Object) (*corev1.PodSpec, string) {
			j := obj.(*batchv1.Job)
			return &j.Spec.Template.Spec, formatSelector(j.Spec.Selector)
		})...),
		Subresources: []Subresource{status(func(j, old *batchv1.Job) { j.Spec = old.Spec }, validateJobStatus)},
	}
}

func defaultJob(j *batchv1.Job) {
	s := &j.Spec
	if s.Completions == nil && s.Parallelism == nil {
		s.Completions = ptr[int32](1)
	}
	if s.Parallelism == nil {
		s.Parallelism = ptr[int32](1)
	}
	if s.BackoffLimit == nil {
		s.BackoffLimit = ptr[int32](6)
		if s.BackoffLimitPerIndex != nil {
			s.BackoffLimit = ptr[int32](math.MaxInt32)
		}
	}
	if s.CompletionMode == nil {
		s.CompletionMode = ptr(batchv1.NonIndexedCompletion)
	}
	if s.Suspend == nil {
		s.Suspend = new(bool)
	}
	if s.ManualSelector == nil {
		s.ManualSelector = new(bool)
	}
	if s.PodReplacementPolicy == nil {
		s.PodReplacementPolicy = ptr(batchv1.TerminatingOrFailed)
		if s.PodFailurePolicy != nil {
			s.PodReplacementPolicy = ptr(batchv1.Failed)
		}
	}
	defaultJobTemplate(s)
}

// defaultJobTemplate is what a job's spec gets even in a cron job.
func defaultJobTemplate(s *batchv1.JobSpec) {
	if s.PodFailurePolicy != nil {
		for i := range s.PodFailurePolicy.Rules {
			for j := range s.PodFailurePolicy.Rules[i].OnPodConditions {
				setDefault(&s.PodFailurePolicy.Rules[i].OnPodConditions[j].Status, corev1.ConditionTrue)
			}
		}
	}
	defaultPodTemplate(&s.Template)
}

// The labels that tell a job's pods, of now and of old.
const (
	legacyJobName       = "job-name"
	legacyControllerUID = "controller-uid"
)

// prepareJob makes a new job select its own pods by its uid, unless the selector is the user's. A job without labels
// has its template's.
func prepareJob(j, old *batchv1.Job) {
	j.Spec.Scheduling = nil // not a stable field
	if old != nil {
		j.Status = old.Status
	} else {
		j.Status = batchv1.JobStatus{}
		if !isTrue(j.Spec.ManualSelector) {
			selectOwnPods(j)
		}
	}
	if len(j.Labels) == 0 && len(j.Spec.Template.Labels) > 0 {
		j.Labels = copied(j.Spec.Template.Labels)
	}
}

func selectOwnPods(j *batchv1.Job) {
	t, uid := &j.Spec.Template, string(j.UID)
	t.Labels = copied(t.Labels)
	for _, l := range [][2]string{
		{legacyJobName, j.Name}, {batchv1.JobNameLabel, j.Name}, {legacyControllerUID, uid}, {batchv1.ControllerUidLabel, uid},
	} {
		if _, ok := t.Labels[l[0]]; !ok {
			t.Labels[l[0]] = l[1]
		}
	}
	if j.Spec.Selector == nil {
		j.Spec.Selector = new(metav1.LabelSelector)
	}
	match := copied(j.Spec.Selector.MatchLabels)
	if _, ok := match[batchv1.ControllerUidLabel]; !ok {
		match[batchv1.ControllerUidLabel] = uid
	}
	j.Spec.Selector.MatchLabels = match
}

func jobWarnings(j, old *batchv1.Job) (warnings []string) {
	if old != nil {
		return nil
	}
	if complaints := dnsLabel(j.Name); len(complaints) > 0 {
		warnings = append(warnings, fmt.Sprintf("metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: %v", complaints))
	}
	return append(warnings, jobSpecWarnings(&j.Spec, "spec")...)
}

func jobSpecWarnings(s *batchv1.JobSpec, at string) (warnings []string) {
	if value(s.Completions) > 100_000 && value(s.Parallelism) > 10_000 {
		warnings = append(warnings, "In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes properly")
	}
	return append(warnings, podSpecWarnings(&s.Template.Spec, at+".template.spec")...)
}

func isJob(j *batchv1.Job, t batchv1.JobConditionType) bool {
	for i := range j.Status.Conditions {
		if c := &j.Status.Conditions[i]; c.Type == t {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

func jobState(j *batchv1.Job) string {
	switch {
	case isJob(j, batchv1.JobComplete):
		return "Complete"
	case isJob(j, batchv1.JobFailed):
		return "Failed"
	case j.DeletionTimestamp != nil:
		return "Terminating"
	case isJob(j, batchv1.JobSuspended):
		return "Suspended"
	case isJob(j, batchv1.JobFailureTarget):
		return "FailureTarget"
	}
	return "Running"
}

func jobCompletions(j *batchv1.Job) string {
	switch n := value(j.Spec.Parallelism); {
	case j.Spec.Completions != nil:
		return fmt.Sprintf("%d/%d", j.Status.Succeeded, *j.Spec.Completions)
	case n > 1:
		return fmt.Sprintf("%d/1 of %d", j.Status.Succeeded, n)
	}
	return fmt.Sprintf("%d/1", j.Status.Succeeded)
}

func jobDuration(j *batchv1.Job, now time.Time) any {
	if j.Status.StartTime == nil {
		return ""
	}
	if j.Status.CompletionTime != nil {
		now = j.Status.CompletionTime.Time
	}
	return duration.HumanDuration(now.Sub(j.Status.StartTime.Time))
}
