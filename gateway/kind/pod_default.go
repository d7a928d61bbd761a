package kind

import (
	corev1 "k8s.io/api/core/v1"
	resourcehelper "k8s.io/component-helpers/resource"
)

// defaultPod is what a pod gets beyond what its template would.
func defaultPod(p *corev1.Pod) {
	s := &p.Spec
	defaultPodSpec(s)
	for i := range s.Containers {
		defaultRequests(&s.Containers[i].Resources)
	}
	for i := range s.InitContainers {
		defaultRequests(&s.InitContainers[i].Resources)
	}
	defaultPodRequests(p)
	if s.EnableServiceLinks == nil {
		s.EnableServiceLinks = ptr(corev1.DefaultEnableServiceLinks)
	}
	if s.HostNetwork {
		defaultHostPorts(s.Containers)
		defaultHostPorts(s.InitContainers)
	}
	if len(p.Status.PodIPs) == 0 && p.Status.PodIP != "" {
		p.Status.PodIPs = []corev1.PodIP{{IP: p.Status.PodIP}}
	}
}

// defaultRequests requests what is limited.
func defaultRequests(r *corev1.ResourceRequirements) {
	for name, limit := range r.Limits {
		if _, ok := r.Requests[name]; ok {
			continue
		}
		if r.Requests == nil {
			r.Requests = make(corev1.ResourceList, len(r.Limits))
		}
		r.Requests[name] = limit.DeepCopy()
	}
}

// defaultPodRequests completes the pod's own requests: what its containers ask for
// together, else the pod's limit.
func defaultPodRequests(p *corev1.Pod) {
	r := p.Spec.Resources
	if r == nil || len(r.Limits) == 0 {
		return
	}
	if r.Requests == nil {
		r.Requests = make(corev1.ResourceList, len(r.Limits))
	}
	add := func(from corev1.ResourceList) {
		for name, q := range from {
			if _, ok := r.Requests[name]; !ok && resourcehelper.IsSupportedPodLevelResource(name) {
				r.Requests[name] = q.DeepCopy()
			}
		}
	}
	add(resourcehelper.AggregateContainerRequests(p, resourcehelper.PodResourcesOptions{}))
	add(r.Limits)
}

// defaultHostPorts makes the ports of containers in the host's network its ports.
func defaultHostPorts(containers []corev1.Container) {
	for i := range containers {
		for j := range containers[i].Ports {
			port := &containers[i].Ports[j]
			setDefault(&port.HostPort, port.ContainerPort)
		}
	}
}
