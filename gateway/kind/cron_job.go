package kind

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func cronJobKind() *Kind {
	type cron = batchv1.CronJob
	return &Kind{
		GroupVersionKind: gvk("batch", "v1", "CronJob"), Resource: "cronjobs", ShortNames: []string{"cj"},
		Categories: []string{"all"}, Namespaced: true,
		New:      func() Object { return new(cron) },
		NewList:  func() runtime.Object { return new(batchv1.CronJobList) },
		Default:  on(defaultCronJob),
		Prepare:  prepares(prepareCronJob),
		Spec:     part(func(c *cron) any { return &c.Spec }),
		Validate: validates(validateCronJob),
		Warnings: warns(cronJobWarnings),
		Columns: append([]Column{
			text("Schedule", func(c *cron) string { return c.Spec.Schedule }),
			text("Timezone", func(c *cron) string { return orUnset(c.Spec.TimeZone, "<none>") }),
			column("Suspend", "boolean", 0, func(c *cron, _ time.Time) any { return titled(c.Spec.Suspend) }),
			number("Active", func(c *cron) int { return len(c.Status.Active) }),
			column("Last Schedule", "string", 0, func(c *cron, now time.Time) any {
				if c.Status.LastScheduleTime == nil {
					return "<none>"
				}
				return since(*c.Status.LastScheduleTime, now)
			}),
			ageColumn,
		}, templateColumns(func(obj Object) (*corev1.PodSpec, string) {
			s := &obj.(*cron).Spec.JobTemplate.Spec
			return &s.Template.Spec, formatSelector(s.Selector)
		})...),
		Subresources: []Subresource{status(func(c, old *cron) { c.Spec = old.Spec }, nil)},
	}
}

// titled is kubectl's cell for a switch that may be left open.
func titled(b *bool) string {
	switch {
	case b == nil:
		return "<unset>"
	case *b:
		return "True"
	}
	return "False"
}

func defaultCronJob(c *batchv1.CronJob) {
	s := &c.Spec
	setDefault(&s.ConcurrencyPolicy, batchv1.AllowConcurrent)
	if s.Suspend == nil {
		s.Suspend = new(bool)
	}
	if s.SuccessfulJobsHistoryLimit == nil {
		s.SuccessfulJobsHistoryLimit = ptr[int32](3)
	}
	if s.FailedJobsHistoryLimit == nil {
		s.FailedJobsHistoryLimit = ptr[int32](1)
	}
	defaultJobTemplate(&s.JobTemplate.Spec)
}

func prepareCronJob(c, old *batchv1.CronJob) {
	c.Spec.JobTemplate.Spec.Scheduling = nil // not a stable field
	if c.Status = (batchv1.CronJobStatus{}); old != nil {
		c.Status = old.Status
	}
}

func cronJobWarnings(c, old *batchv1.CronJob) (warnings []string) {
	if old == nil {
		if complaints := dnsLabel(c.Name); len(complaints) > 0 {
			warnings = append(warnings, fmt.Sprintf("metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: %v", complaints))
		}
		warnings = append(warnings, jobSpecWarnings(&c.Spec.JobTemplate.Spec, "spec.jobTemplate.spec")...)
	}
	if strings.Contains(c.Spec.Schedule, "TZ") {
		warnings = append(warnings, "CRON_TZ or TZ used in spec.schedule is not officially supported, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details")
	}
	return warnings
}

// maxCronJobName leaves room for the time in the names of its jobs.
const maxCronJobName = 52

func validateCronJob(c, old *batchv1.CronJob) (errs field.ErrorList) {
	s := &c.Spec
	errs = validateSchedule(s, old, specPath.Child("schedule"))
	if s.StartingDeadlineSeconds != nil {
		errs = append(errs, atLeastZero(*s.StartingDeadlineSeconds, specPath.Child("startingDeadlineSeconds"))...)
	}
	if s.TimeZone != nil && (old == nil || orUnset(old.Spec.TimeZone, "") != *s.TimeZone) {
		errs = append(errs, validateTimeZone(*s.TimeZone, specPath.Child("timeZone"))...)
	}
	errs = append(errs, oneOf(s.ConcurrencyPolicy, specPath.Child("concurrencyPolicy"),
		batchv1.AllowConcurrent, batchv1.ForbidConcurrent, batchv1.ReplaceConcurrent)...)
	job, at := &s.JobTemplate.Spec, specPath.Child("jobTemplate", "spec")
	errs = append(errs, validateJobSpec(job, at)...)
	if job.Selector != nil {
		errs = append(errs, field.Invalid(at.Child("selector"), job.Selector, "`selector` will be auto-generated"))
	}
	if isTrue(job.ManualSelector) {
		errs = append(errs, field.NotSupported(at.Child("manualSelector"), *job.ManualSelector, []string{"nil", "false"}))
	}
	errs = append(errs, atLeastZero(value(s.SuccessfulJobsHistoryLimit), specPath.Child("successfulJobsHistoryLimit"))...)
	errs = append(errs, atLeastZero(value(s.FailedJobsHistoryLimit), specPath.Child("failedJobsHistoryLimit"))...)
	if old == nil && len(c.Name) > maxCronJobName {
		errs = append(errs, field.Invalid(metaPath.Child("name"), c.Name, fmt.Sprintf("must be no more than %d bytes", maxCronJobName)))
	}
	return errs
}

func validateSchedule(s *batchv1.CronJobSpec, old *batchv1.CronJob, p *field.Path) (errs field.ErrorList) {
	if s.Schedule == "" {
		return field.ErrorList{field.Required(p, "")}
	}
	if err := checkSchedule(s.Schedule); err != nil {
		errs = append(errs, field.Invalid(p, s.Schedule, err.Error()))
	}
	if !strings.Contains(s.Schedule, "TZ") {
		return errs
	}
	if old == nil || !strings.Contains(old.Spec.Schedule, "TZ") {
		errs = append(errs, field.Invalid(p, s.Schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"))
	} else if s.TimeZone != nil {
		errs = append(errs, field.Invalid(p, s.Schedule, "cannot use both timeZone field and TZ or CRON_TZ in schedule"))
	}
	return errs
}

// zonePart is a part of a time zone's name, digits and + for names of old.
var zonePart = regexp.MustCompile(`^[A-Za-z.\-_0-9+]{1,14}$`)

func validateTimeZone(zone string, p *field.Path) (errs field.ErrorList) {
	if zone == "" {
		return field.ErrorList{field.Invalid(p, zone, "timeZone must be nil or non-empty string")}
	}
	for part := range strings.SplitSeq(zone, "/") {
		if part == "." || part == ".." || strings.HasPrefix(part, "-") || !zonePart.MatchString(part) {
			return field.ErrorList{field.Invalid(p, zone, "unknown time zone "+zone)}
		}
	}
	if strings.EqualFold(zone, "Local") {
		errs = append(errs, field.Invalid(p, zone, "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"))
	}
	if _, err := time.LoadLocation(zone); err != nil {
		errs = append(errs, field.Invalid(p, zone, err.Error()))
	}
	return errs
}
