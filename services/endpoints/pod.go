package endpoints

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// sameEndpoint says whether two states of a pod, of the same labels, make the same endpoint.
func sameEndpoint(a, b *corev1.Pod) bool {
	return a.UID == b.UID && a.Spec.NodeName == b.Spec.NodeName && ready(a) == ready(b) && finished(a) == finished(b) &&
		(a.DeletionTimestamp == nil) == (b.DeletionTimestamp == nil) &&
		a.Spec.Hostname == b.Spec.Hostname && a.Spec.Subdomain == b.Spec.Subdomain &&
		a.Status.PodIP == b.Status.PodIP && slices.Equal(a.Status.PodIPs, b.Status.PodIPs) &&
		apiequality.Semantic.DeepEqual(a.Spec.Containers, b.Spec.Containers)
}

func finished(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}

func ready(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// addressOf is the pod's address of a family, "" if it has none.
func addressOf(p *corev1.Pod, family discoveryv1.AddressType) string {
	for _, ip := range p.Status.PodIPs {
		if familyOf(ip.IP) == family {
			return ip.IP
		}
	}
	if len(p.Status.PodIPs) == 0 && familyOf(p.Status.PodIP) == family {
		return p.Status.PodIP
	}
	return ""
}

// familyOf is the family of an address, "" if it is none.
func familyOf(address string) discoveryv1.AddressType {
	ip, err := netip.ParseAddr(address)
	switch {
	case err != nil:
		return ""
	case ip.Is4():
		return discoveryv1.AddressTypeIPv4
	}
	return discoveryv1.AddressTypeIPv6
}

// families are the Service's, IPv4 if it says none.
func families(svc *corev1.Service) []discoveryv1.AddressType {
	var out []discoveryv1.AddressType
	for _, f := range svc.Spec.IPFamilies {
		if f == corev1.IPv6Protocol {
			out = append(out, discoveryv1.AddressTypeIPv6)
		} else {
			out = append(out, discoveryv1.AddressTypeIPv4)
		}
	}
	if len(out) > 0 {
		return out
	}
	if family := familyOf(svc.Spec.ClusterIP); family != "" {
		return []discoveryv1.AddressType{family}
	}
	return []discoveryv1.AddressType{discoveryv1.AddressTypeIPv4}
}

// portOf is the number of a Service's port on a pod; false if the pod names no such port.
func portOf(p *corev1.Pod, port *corev1.ServicePort) (int32, bool) {
	if port.TargetPort.Type == intstr.Int {
		if n := port.TargetPort.IntVal; n != 0 {
			return n, true
		}
		return port.Port, true
	}
	named := func(containers []corev1.Container, sidecars bool) (int32, bool) {
		for i := range containers {
			c := &containers[i]
			if sidecars && (c.RestartPolicy == nil || *c.RestartPolicy != corev1.ContainerRestartPolicyAlways) {
				continue
			}
			for _, cp := range c.Ports {
				if cp.Name == port.TargetPort.StrVal && protocol(cp.Protocol) == protocol(port.Protocol) {
					return cp.ContainerPort, true
				}
			}
		}
		return 0, false
	}
	if n, ok := named(p.Spec.Containers, false); ok {
		return n, true
	}
	return named(p.Spec.InitContainers, true)
}

func protocol(p corev1.Protocol) corev1.Protocol {
	if p == "" {
		return corev1.ProtocolTCP
	}
	return p
}

// portsOf are the ports at which a pod serves a Service.
func portsOf(p *corev1.Pod, svc *corev1.Service) []discoveryv1.EndpointPort {
	ports := []discoveryv1.EndpointPort{}
	for i := range svc.Spec.Ports {
		port := &svc.Spec.Ports[i]
		if n, ok := portOf(p, port); ok {
			name, proto := port.Name, protocol(port.Protocol)
			ports = append(ports, discoveryv1.EndpointPort{Name: &name, Port: &n, Protocol: &proto, AppProtocol: port.AppProtocol})
		}
	}
	return ports
}

func hostname(p *corev1.Pod, svc *corev1.Service) string {
	if p.Spec.Subdomain == svc.Name {
		return p.Spec.Hostname
	}
	return ""
}
