package pod

import (
	corev1 "k8s.io/api/core/v1"
)

// QOS is the pod's quality of service class.
func QOS(p *corev1.Pod) corev1.PodQOSClass {
	if p.Status.QOSClass != "" {
		return p.Status.QOSClass
	}
	guaranteed, any := true, false
	for _, list := range [][]corev1.Container{p.Spec.Containers, p.Spec.InitContainers} {
		for _, c := range list {
			for _, r := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
				limit, request := c.Resources.Limits[r], c.Resources.Requests[r]
				if request.IsZero() {
					request = limit
				}
				any = any || !limit.IsZero() || !request.IsZero()
				guaranteed = guaranteed && !limit.IsZero() && limit.Cmp(request) == 0
			}
		}
	}
	switch {
	case !any:
		return corev1.PodQOSBestEffort
	case guaranteed:
		return corev1.PodQOSGuaranteed
	}
	return corev1.PodQOSBurstable
}

// OOMScore is a container's oom_score_adj: who asks for less of the node's memory goes first.
func OOMScore(p *corev1.Pod, c *corev1.Container, memory int64) int {
	switch QOS(p) {
	case corev1.PodQOSGuaranteed:
		return -997
	case corev1.PodQOSBestEffort:
		return 1000
	}
	if memory <= 0 {
		return 999
	}
	score := 1000 - 1000*c.Resources.Requests.Memory().Value()/memory
	return int(min(max(score, 3), 999))
}

// Requests is what the pod asks of a resource at its peak: its app containers and sidecars together, or an init
// container with the sidecars before it if that is more. With limits it is their limits, and false if a container has none.
func Requests(p *corev1.Pod, r corev1.ResourceName, limits bool) (total int64, all bool) {
	all = true
	of := func(c *corev1.Container) int64 {
		list := c.Resources.Requests
		if limits {
			list = c.Resources.Limits
		}
		q, ok := list[r]
		all = all && ok
		if r == corev1.ResourceCPU {
			return q.MilliValue()
		}
		return q.Value()
	}
	var peak int64
	for i := range p.Spec.InitContainers {
		c := &p.Spec.InitContainers[i]
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			total += of(c)
		} else {
			peak = max(peak, total+of(c))
		}
	}
	for i := range p.Spec.Containers {
		total += of(&p.Spec.Containers[i])
	}
	return max(total, peak), all
}
