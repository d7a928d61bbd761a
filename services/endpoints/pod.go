package endpoints

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"taffrail.dev/services/brief"
)

// sameEndpoint says whether two states of a pod, of the same labels, make the same endpoint.
func sameEndpoint(a, b *brief.Pod) bool {
	return a.UID == b.UID && a.Node() == b.Node() && a.Ready == b.Ready && a.Finished() == b.Finished() && a.Terminating == b.Terminating &&
		a.Hostname == b.Hostname && a.Subdomain == b.Subdomain && slices.Equal(a.IPs, b.IPs) && a.SamePorts(b)
}

// addressOf is the pod's address of a family, "" if it has none.
func addressOf(p *brief.Pod, family discoveryv1.AddressType) string {
	for _, ip := range p.IPs {
		if familyOf(ip) == family {
			return ip
		}
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
func portOf(p *brief.Pod, port *corev1.ServicePort) (int32, bool) {
	if port.TargetPort.Type == intstr.Int {
		if n := port.TargetPort.IntVal; n != 0 {
			return n, true
		}
		return port.Port, true
	}
	return p.Port(port.TargetPort.StrVal, protocol(port.Protocol))
}

func protocol(p corev1.Protocol) corev1.Protocol {
	if p == "" {
		return corev1.ProtocolTCP
	}
	return p
}

// portsOf are the ports at which a pod serves a Service.
func portsOf(p *brief.Pod, svc *corev1.Service) []discoveryv1.EndpointPort {
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

func hostname(p *brief.Pod, svc *corev1.Service) string {
	if p.Subdomain == svc.Name {
		return p.Hostname
	}
	return ""
}
