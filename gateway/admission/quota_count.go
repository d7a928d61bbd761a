package admission

import (
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

// count is what of everything that a quota bounds is used in its namespace.
func count(r kind.Reader, quota *corev1.ResourceQuota, now time.Time) corev1.ResourceList {
	used := corev1.ResourceList{}
	for name := range quota.Spec.Hard {
		used[name] = resource.Quantity{Format: quota.Spec.Hard[name].Format}
	}
	for _, of := range bounded(quota.Spec.Hard) {
		for _, obj := range r.List(of, quota.Namespace) {
			if !covers(quota, of, obj) {
				continue
			}
			for name, n := range useOf(of, obj, now) {
				if sum, ok := used[name]; ok {
					sum.Add(n)
					used[name] = sum
				}
			}
		}
	}
	return used
}

// bounded are the resources whose objects use what a quota bounds.
func bounded(hard corev1.ResourceList) []subject.Resource {
	of := map[subject.Resource]bool{}
	for name := range hard {
		text, isCount := strings.CutPrefix(string(name), "count/")
		switch {
		case isCount:
			plural, group, _ := strings.Cut(text, ".")
			of[subject.Resource{Group: group, Name: plural}] = true
		case counted[text]:
			of[subject.Resource{Name: text}] = true
		case name == corev1.ResourceServicesLoadBalancers, name == corev1.ResourceServicesNodePorts:
			of[subject.Services] = true
		case name == corev1.ResourceRequestsStorage, strings.Contains(text, ".storageclass.storage.k8s.io/"):
			of[volumeClaims] = true
		default:
			of[subject.Pods] = true
		}
	}
	return slices.SortedFunc(maps.Keys(of), func(a, b subject.Resource) int { return strings.Compare(a.String(), b.String()) })
}

// mustSpecify are the resources that, where a quota bounds them, every container has to name.
var mustSpecify = []corev1.ResourceName{
	corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceRequestsCPU, corev1.ResourceRequestsMemory, corev1.ResourceLimitsCPU, corev1.ResourceLimitsMemory,
}

// unspecified is which resources which containers of a pod do not name although the quota bounds them: "cpu for: a,b; memory for: a".
func unspecified(pod *corev1.Pod, hard corev1.ResourceList) string {
	if whole := pod.Spec.Resources; whole != nil && (len(whole.Requests) > 0 || len(whole.Limits) > 0) {
		return lacking(hard, []corev1.Container{{Name: pod.Name, Resources: *whole}})
	}
	return lacking(hard, slices.Concat(pod.Spec.Containers, pod.Spec.InitContainers))
}

func lacking(hard corev1.ResourceList, containers []corev1.Container) string {
	var parts []string
	for _, name := range slices.Sorted(slices.Values(mustSpecify)) {
		if _, ok := hard[name]; !ok {
			continue
		}
		var without []string
		for i := range containers {
			if !specifies(&containers[i], name) {
				without = append(without, containers[i].Name)
			}
		}
		if len(without) > 0 {
			slices.Sort(without)
			parts = append(parts, string(name)+" for: "+strings.Join(without, ","))
		}
	}
	return strings.Join(parts, "; ")
}

func specifies(c *corev1.Container, name corev1.ResourceName) bool {
	if plain, ok := strings.CutPrefix(string(name), "limits."); ok {
		_, has := c.Resources.Limits[corev1.ResourceName(plain)]
		return has
	}
	_, has := c.Resources.Requests[corev1.ResourceName(strings.TrimPrefix(string(name), "requests."))]
	return has
}
