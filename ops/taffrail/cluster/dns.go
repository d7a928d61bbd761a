package cluster

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"taffrail.dev/gateway/kind"
)

// dnsName is the service of the cluster's name servers.
const dnsName = "kube-dns"

// dnsObjects make the name server at an address of this machine known under the
// service's virtual one.
func dnsObjects(virtual netip.Addr, server netip.AddrPort) []kind.Object {
	meta := metav1.ObjectMeta{Name: dnsName, Namespace: metav1.NamespaceSystem, Labels: map[string]string{
		"k8s-app": dnsName, "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS",
	}}
	service := &corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{ClusterIP: virtual.String(), ClusterIPs: []string{virtual.String()}}}
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Name: dnsName, Namespace: meta.Namespace, Labels: map[string]string{
			discoveryv1.LabelServiceName: dnsName, discoveryv1.LabelManagedBy: "taffrail",
		}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{server.Addr().String()}, Conditions: discoveryv1.EndpointConditions{Ready: new(true)}}},
	}
	for _, p := range []struct {
		name     string
		protocol corev1.Protocol
	}{{"dns", corev1.ProtocolUDP}, {"dns-tcp", corev1.ProtocolTCP}} {
		service.Spec.Ports = append(service.Spec.Ports, corev1.ServicePort{Name: p.name, Protocol: p.protocol, Port: 53, TargetPort: intstr.FromInt32(int32(server.Port()))})
		slice.Ports = append(slice.Ports, discoveryv1.EndpointPort{Name: new(p.name), Protocol: new(p.protocol), Port: new(int32(server.Port()))})
	}
	return []kind.Object{service, slice}
}
