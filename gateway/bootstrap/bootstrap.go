// Package bootstrap has the objects that every cluster has from its first moment, as data.
// Roles and their bindings are in access.
package bootstrap

import (
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"taffrail.dev/gateway/flow"
	"taffrail.dev/gateway/kind"
)

// Config says where the gateway is and which addresses its cluster's services have.
type Config struct {
	// ServiceCIDR is the IPv4 range of cluster IPs, such as 10.96.0.0/16.
	ServiceCIDR netip.Prefix
	// Advertise is where pods reach the gateway. To a loopback address, which they cannot
	// reach, the service has no endpoints.
	Advertise netip.AddrPort
}

const apiServer = "kubernetes"

// Objects are the objects, in an order in which they can be created. Each call makes new ones.
func Objects(c Config) ([]kind.Object, error) {
	if !c.ServiceCIDR.Addr().Is4() || c.ServiceCIDR.Bits() > 30 {
		return nil, fmt.Errorf("bootstrap: service range %s is not an IPv4 range of at least four addresses", c.ServiceCIDR)
	}
	if !c.Advertise.IsValid() {
		return nil, fmt.Errorf("bootstrap: no address to advertise")
	}
	var objects []kind.Object
	for _, name := range []string{metav1.NamespaceDefault, metav1.NamespaceSystem, metav1.NamespacePublic, corev1.NamespaceNodeLease} {
		objects = append(objects, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
	for _, name := range []string{"system-node-critical", "system-cluster-critical"} {
		objects = append(objects, priorityClass(name))
	}
	objects = append(objects, flow.Objects()...)
	objects = append(objects, &networkingv1.ServiceCIDR{
		ObjectMeta: metav1.ObjectMeta{Name: apiServer},
		Spec:       networkingv1.ServiceCIDRSpec{CIDRs: []string{c.ServiceCIDR.Masked().String()}},
	})
	objects = append(objects, service(c))
	if c.Advertise.Addr().IsLoopback() {
		return objects, nil
	}
	return append(objects, endpoints(c), endpointSlice(c)), nil
}

// ServiceIP is the cluster IP of the service "kubernetes": the first of the range.
func ServiceIP(cidr netip.Prefix) netip.Addr { return cidr.Masked().Addr().Next() }

func priorityClass(name string) *schedulingv1.PriorityClass {
	what := map[string]string{
		"system-node-critical":    "Used for system critical pods that must not be moved from their current node.",
		"system-cluster-critical": "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
	}
	return &schedulingv1.PriorityClass{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Value: kind.SystemPriorities[name], Description: what[name],
	}
}

func meta(labels map[string]string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: apiServer, Labels: labels}
}

func service(c Config) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: meta(map[string]string{"component": "apiserver", "provider": "kubernetes"}),
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeClusterIP, ClusterIP: ServiceIP(c.ServiceCIDR).String(),
			Ports: []corev1.ServicePort{{
				Name: "https", Protocol: corev1.ProtocolTCP, Port: 443, TargetPort: intstr.FromInt32(int32(c.Advertise.Port())),
			}},
		},
	}
}

func endpoints(c Config) *corev1.Endpoints {
	return &corev1.Endpoints{
		ObjectMeta: meta(map[string]string{discoveryv1.LabelSkipMirror: "true"}),
		Subsets: []corev1.EndpointSubset{{
			Addresses: []corev1.EndpointAddress{{IP: c.Advertise.Addr().String()}},
			Ports:     []corev1.EndpointPort{{Name: "https", Port: int32(c.Advertise.Port()), Protocol: corev1.ProtocolTCP}},
		}},
	}
}

func endpointSlice(c Config) *discoveryv1.EndpointSlice {
	name, port, protocol, ready := "https", int32(c.Advertise.Port()), corev1.ProtocolTCP, true
	family := discoveryv1.AddressTypeIPv4
	if c.Advertise.Addr().Is6() {
		family = discoveryv1.AddressTypeIPv6
	}
	return &discoveryv1.EndpointSlice{
		ObjectMeta:  meta(map[string]string{discoveryv1.LabelServiceName: apiServer}),
		AddressType: family,
		Endpoints: []discoveryv1.Endpoint{{
			Addresses:  []string{c.Advertise.Addr().String()},
			Conditions: discoveryv1.EndpointConditions{Ready: &ready, Serving: &ready},
		}},
		Ports: []discoveryv1.EndpointPort{{Name: &name, Port: &port, Protocol: &protocol}},
	}
}
