package kind

import corev1 "k8s.io/api/core/v1"

// PodQOS is a pod's quality of service: guaranteed if every container limits cpu and memory
// to what it requests, best effort if none names either, else burstable. A pod's own
// resources stand for its containers'.
func PodQOS(p *corev1.Pod) corev1.PodQOSClass {
	if r := p.Spec.Resources; r != nil && (len(r.Requests) > 0 || len(r.Limits) > 0) {
		guaranteed, named := qosOf(r)
		return qosClass(guaranteed, named)
	}
	guaranteed, named := true, false
	for _, containers := range [][]corev1.Container{p.Spec.Containers, p.Spec.InitContainers} {
		for i := range containers {
			g, n := qosOf(&containers[i].Resources)
			guaranteed, named = guaranteed && g, named || n
		}
	}
	return qosClass(guaranteed, named)
}

func qosClass(guaranteed, named bool) corev1.PodQOSClass {
	switch {
	case !named:
		return corev1.PodQOSBestEffort
	case guaranteed:
		return corev1.PodQOSGuaranteed
	}
	return corev1.PodQOSBurstable
}

// qosOf says whether cpu and memory are limited to what is requested, and whether either is named.
func qosOf(r *corev1.ResourceRequirements) (guaranteed, named bool) {
	guaranteed = true
	for _, name := range [...]corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		request, limit := r.Requests[name], r.Limits[name]
		_, requested := r.Requests[name]
		if request.Sign() > 0 || limit.Sign() > 0 {
			named = true
		}
		if limit.Sign() <= 0 || requested && request.Cmp(limit) != 0 {
			guaranteed = false
		}
	}
	return guaranteed, named
}
