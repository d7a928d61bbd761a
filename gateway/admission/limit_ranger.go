package admission

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/gateway/kind"
)

// LimitRanger gives containers the requests and limits that their namespace has for those that name none, and
// holds pods and volume claims to its bounds.
type LimitRanger struct{}

var _ Validator = LimitRanger{}

// limitRangerAnnotation says on a pod what LimitRanger set.
const limitRangerAnnotation = "kubernetes.io/limit-ranger"

// Name is the plugin's.
func (LimitRanger) Name() string { return "LimitRanger" }

// Admit completes a new pod.
func (LimitRanger) Admit(_ context.Context, q *kind.Request, obj, old kind.Object) error {
	pod, ok := created[*corev1.Pod](q, obj, old)
	if !ok {
		return nil
	}
	for _, r := range rangesOf(q) {
		completePod(pod, &r.Spec)
	}
	return nil
}

// Validate holds a new or resized pod, and a new or changed claim, to the bounds.
func (LimitRanger) Validate(_ context.Context, q *kind.Request, obj, old kind.Object) error {
	if old != nil && old.GetDeletionTimestamp() != nil {
		return nil
	}
	var check func(*corev1.LimitRangeSpec) error
	switch o := obj.(type) {
	case *corev1.Pod:
		if q.Subresource != "resize" && (old != nil || q.Subresource != "") {
			return nil
		}
		check = func(s *corev1.LimitRangeSpec) error { return limitPod(o, s) }
	case *corev1.PersistentVolumeClaim:
		if q.Subresource != "" {
			return nil
		}
		check = func(s *corev1.LimitRangeSpec) error { return limitClaim(o, s) }
	default:
		return nil
	}
	for _, r := range rangesOf(q) {
		if err := check(&r.Spec); err != nil {
			return refuse(q, "%w", err)
		}
	}
	return nil
}

func rangesOf(q *kind.Request) (out []*corev1.LimitRange) {
	if q.Namespace == "" {
		return nil
	}
	for _, obj := range q.Reader.List(limitRanges, q.Namespace) {
		if r, ok := obj.(*corev1.LimitRange); ok {
			out = append(out, r)
		}
	}
	return out
}

// completePod sets what its containers do not name, and says so in an annotation.
func completePod(pod *corev1.Pod, s *corev1.LimitRangeSpec) {
	requests, limits := corev1.ResourceList{}, corev1.ResourceList{}
	for i := range s.Limits {
		if l := &s.Limits[i]; l.Type == corev1.LimitTypeContainer {
			for name, n := range l.DefaultRequest {
				requests[name] = n
			}
			for name, n := range l.Default {
				limits[name] = n
			}
		}
	}
	if len(requests) == 0 && len(limits) == 0 {
		return
	}
	var set []string
	for i := range pod.Spec.Containers {
		set = append(set, completeContainer(&pod.Spec.Containers[i], "container", requests, limits)...)
	}
	for i := range pod.Spec.InitContainers {
		set = append(set, completeContainer(&pod.Spec.InitContainers[i], "init container", requests, limits)...)
	}
	if len(set) == 0 {
		return
	}
	if pod.Annotations == nil {
		pod.Annotations = map[string]string{}
	}
	pod.Annotations[limitRangerAnnotation] = "LimitRanger plugin set: " + strings.Join(set, "; ")
}

func completeContainer(c *corev1.Container, what string, requests, limits corev1.ResourceList) (set []string) {
	if names := complete(&c.Resources.Requests, requests); len(names) > 0 {
		set = append(set, fmt.Sprintf("%s request for %s %s", strings.Join(names, ", "), what, c.Name))
	}
	if names := complete(&c.Resources.Limits, limits); len(names) > 0 {
		set = append(set, fmt.Sprintf("%s limit for %s %s", strings.Join(names, ", "), what, c.Name))
	}
	return set
}

// complete adds what a list lacks, and returns the names of that.
func complete(list *corev1.ResourceList, defaults corev1.ResourceList) (names []string) {
	for name, n := range defaults {
		if _, has := (*list)[name]; has {
			continue
		}
		if *list == nil {
			*list = corev1.ResourceList{}
		}
		(*list)[name] = n.DeepCopy()
		names = append(names, string(name))
	}
	slices.Sort(names)
	return names
}
