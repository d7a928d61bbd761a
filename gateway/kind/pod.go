package kind

import (
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	eventv1 "taffrail.dev/proto/gen/event/v1"
)

func podKind(h Hooks) *Kind {
	return &Kind{
		GroupVersionKind: core("Pod"), Resource: "pods", ShortNames: []string{"po"}, Categories: []string{"all"},
		Namespaced: true,
		New:        func() Object { return new(corev1.Pod) },
		NewList:    func() runtime.Object { return new(corev1.PodList) },
		Default:    on(defaultPod),
		Prepare:    prepares(preparePod),
		Spec:       part(func(p *corev1.Pod) any { return &p.Spec }),
		Validate:   validates(validatePod),
		Warnings:   warns(podWarnings),
		Grace:      podGrace,
		SelectableFields: []string{
			"spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork",
			"status.phase", "status.podIP", "status.podIPs", "status.nominatedNodeName",
		},
		Selectable:   labels(selectablePod),
		Columns:      podColumns(),
		What:         podWhat,
		Subresources: podSubresources(h),
	}
}

func preparePod(p, old *corev1.Pod) {
	if old != nil {
		p.Status = old.Status
		return
	}
	p.Status = corev1.PodStatus{Phase: corev1.PodPending, QOSClass: PodQOS(p)}
	if len(p.Spec.SchedulingGates) > 0 {
		p.Status.Conditions = []corev1.PodCondition{{
			Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonSchedulingGated,
			Message: "Scheduling is blocked due to non-empty scheduling gates",
		}}
	}
	spreadByLabelKeys(p)
}

// spreadByLabelKeys adds to each spread constraint's selector the pod's own values of
// the constraint's matchLabelKeys.
func spreadByLabelKeys(p *corev1.Pod) {
	for i := range p.Spec.TopologySpreadConstraints {
		c := &p.Spec.TopologySpreadConstraints[i]
		if c.LabelSelector == nil {
			continue
		}
		for _, key := range c.MatchLabelKeys {
			if v, ok := p.Labels[key]; ok {
				c.LabelSelector.MatchExpressions = append(c.LabelSelector.MatchExpressions, equalsLabel(key, v))
			}
		}
	}
}

// podGrace is the seconds between a pod's deletion being requested and its end; none for
// a pod that no node has, or that has ended.
func podGrace(obj Object, asked *int64) int64 {
	p := obj.(*corev1.Pod)
	if p.Spec.NodeName == "" || isTerminal(p) {
		return 0
	}
	grace := int64(corev1.DefaultTerminationGracePeriodSeconds)
	if p.Spec.TerminationGracePeriodSeconds != nil {
		grace = *p.Spec.TerminationGracePeriodSeconds
	}
	if asked != nil {
		grace = *asked
	}
	if grace < 0 {
		return 1
	}
	return grace
}

func isTerminal(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}

func selectablePod(p *corev1.Pod) map[string]string {
	ips := ""
	for i, ip := range p.Status.PodIPs {
		if i > 0 {
			ips += ","
		}
		ips += ip.IP
	}
	return map[string]string{
		"spec.nodeName": p.Spec.NodeName, "spec.restartPolicy": string(p.Spec.RestartPolicy),
		"spec.schedulerName": p.Spec.SchedulerName, "spec.serviceAccountName": p.Spec.ServiceAccountName,
		"spec.hostNetwork": strconv.FormatBool(p.Spec.HostNetwork),
		"status.phase":     string(p.Status.Phase), "status.podIP": p.Status.PodIP, "status.podIPs": ips,
		"status.nominatedNodeName": p.Status.NominatedNodeName,
	}
}

func podWhat(_, _ Object, subresource string) eventv1.What {
	switch subresource {
	case "binding":
		return eventv1.What_BOUND
	case "eviction":
		return eventv1.What_EVICTED
	}
	return eventv1.What_WHAT_UNSPECIFIED
}

// podWarnings points out what is valid but surely not meant.
func podWarnings(p, old *corev1.Pod) []string {
	if old != nil {
		return nil
	}
	return podSpecWarnings(&p.Spec, "spec")
}

func podSpecWarnings(s *corev1.PodSpec, at string) (warnings []string) {
	if s.TerminationGracePeriodSeconds != nil && *s.TerminationGracePeriodSeconds < 0 {
		warnings = append(warnings, fmt.Sprintf("%s.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1", at))
	}
	for i := range s.Containers {
		c := &s.Containers[i]
		seen := make(map[string]bool, len(c.Env))
		for j := range c.Env {
			if name := c.Env[j].Name; seen[name] {
				warnings = append(warnings, fmt.Sprintf("%s.containers[%d].env[%d]: hides previous definition of %q, which may be dropped when using apply", at, i, j, name))
			}
			seen[c.Env[j].Name] = true
		}
	}
	return warnings
}
