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

// Requests sums the app containers' and sidecars' requests of a resource; with limits, their limits, and
// false if one has none.
func Requests(p *corev1.Pod, r corev1.ResourceName, limits bool) (total int64, all bool) {
	all = true
	add := func(c *corev1.Container) {
		list := c.Resources.Requests
		if limits {
			list = c.Resources.Limits
		}
		q, ok := list[r]
		all = all && ok
		if r == corev1.ResourceCPU {
			total += q.MilliValue()
		} else {
			total += q.Value()
		}
	}
	for i := range p.Spec.Containers {
		add(&p.Spec.Containers[i])
	}
	for i := range p.Spec.InitContainers {
		if r := p.Spec.InitContainers[i].RestartPolicy; r != nil && *r == corev1.ContainerRestartPolicyAlways {
			add(&p.Spec.InitContainers[i])
		}
	}
	return total, all
}
