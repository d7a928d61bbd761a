package admission

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	resourcehelper "k8s.io/component-helpers/resource"
	"k8s.io/component-helpers/storage/volume"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

var single = resource.MustParse("1")

// counted are the core resources that quotas know by their plain name too.
var counted = map[string]bool{
	"configmaps": true, "secrets": true, "services": true, "replicationcontrollers": true, "resourcequotas": true, "persistentvolumeclaims": true,
}

// useOf is what an object uses of everything that a quota can bound.
func useOf(of subject.Resource, obj kind.Object, now time.Time) corev1.ResourceList {
	use := corev1.ResourceList{corev1.ResourceName("count/" + of.String()): single}
	if of.Group == "" && counted[of.Name] {
		use[corev1.ResourceName(of.Name)] = single
	}
	switch o := obj.(type) {
	case *corev1.Pod:
		usePod(use, o, now)
	case *corev1.Service:
		useService(use, o)
	case *corev1.PersistentVolumeClaim:
		useClaim(use, o)
	}
	return use
}

// usePod: a pod that has ended, or should have, uses nothing but its name.
func usePod(use corev1.ResourceList, pod *corev1.Pod, now time.Time) {
	if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return
	}
	if at, grace := pod.DeletionTimestamp, pod.DeletionGracePeriodSeconds; at != nil && grace != nil && now.After(at.Add(time.Duration(*grace)*time.Second)) {
		return
	}
	use[corev1.ResourcePods] = single
	for name, n := range resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{UseStatusResources: true}) {
		useRequest(use, name, n)
	}
	for name, n := range resourcehelper.PodLimits(pod, resourcehelper.PodResourcesOptions{UseStatusResources: true}) {
		switch name {
		case corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage:
			use["limits."+name] = n
		}
	}
}

// useRequest counts what a pod or a container requests of one resource.
func useRequest(use corev1.ResourceList, name corev1.ResourceName, n resource.Quantity) {
	switch {
	case name == corev1.ResourceCPU, name == corev1.ResourceMemory, name == corev1.ResourceEphemeralStorage,
		strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix):
		use[name], use["requests."+name] = n, n
	case isExtended(name):
		use["requests."+name] = n
	}
}

// isExtended says whether a resource is a node's own, with a domain that is not Kubernetes'.
func isExtended(name corev1.ResourceName) bool {
	domain, _, has := strings.Cut(string(name), "/")
	return has && domain != "kubernetes.io" && !strings.HasSuffix(domain, ".kubernetes.io") && !strings.HasPrefix(string(name), "requests.")
}

func useService(use corev1.ResourceList, s *corev1.Service) {
	ports := int64(len(s.Spec.Ports))
	switch s.Spec.Type {
	case corev1.ServiceTypeNodePort:
	case corev1.ServiceTypeLoadBalancer:
		use[corev1.ResourceServicesLoadBalancers] = single
		if a := s.Spec.AllocateLoadBalancerNodePorts; a != nil && !*a {
			ports = 0
			for _, p := range s.Spec.Ports {
				if p.NodePort != 0 {
					ports++
				}
			}
		}
	default:
		return
	}
	use[corev1.ResourceServicesNodePorts] = *resource.NewQuantity(ports, resource.DecimalSI)
}

func useClaim(use corev1.ResourceList, c *corev1.PersistentVolumeClaim) {
	const suffix = ".storageclass.storage.k8s.io/"
	class := volume.GetPersistentVolumeClaimClass(c)
	if class != "" {
		use[corev1.ResourceName(class+suffix+"persistentvolumeclaims")] = single
	}
	wanted, ok := c.Spec.Resources.Requests[corev1.ResourceStorage]
	if !ok {
		return
	}
	if given, has := c.Status.AllocatedResources[corev1.ResourceStorage]; has && given.Cmp(wanted) > 0 {
		wanted = given
	}
	use[corev1.ResourceRequestsStorage] = wanted
	if class != "" {
		use[corev1.ResourceName(class+suffix+"requests.storage")] = wanted
	}
}
