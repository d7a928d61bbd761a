package endpoints

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"taffrail.dev/services/brief"
)

// The managers of slices, as Kubernetes names them.
const (
	sliceManager  = "endpointslice-controller.k8s.io"
	mirrorManager = "endpointslicemirroring-controller.k8s.io"
)

// group is the endpoints of one family at one set of ports.
type group struct {
	family    discoveryv1.AddressType
	ports     []discoveryv1.EndpointPort
	endpoints []discoveryv1.Endpoint
}

// groups collects endpoints by family and ports.
type groups map[string]*group

// of is the group of a family and ports.
func (g groups) of(family discoveryv1.AddressType, ports []discoveryv1.EndpointPort) *group {
	id := identityOf(family, ports)
	if g[id] == nil {
		g[id] = &group{family: family, ports: ports}
	}
	return g[id]
}

// identityOf is a text that is equal for equal families and ports.
func identityOf(family discoveryv1.AddressType, ports []discoveryv1.EndpointPort) string {
	parts := make([]string, 0, len(ports))
	for i := range ports {
		parts = append(parts, ports[i].String())
	}
	slices.Sort(parts)
	return string(family) + "\x00" + strings.Join(parts, "\x00")
}

// wanted are the endpoints that a Service should have.
func (s *state) wanted(svc *corev1.Service) groups {
	out := groups{}
	// Pods differ in ports only if a port is named; else each family has one group.
	named := slices.ContainsFunc(svc.Spec.Ports, func(p corev1.ServicePort) bool { return p.TargetPort.Type == intstr.String })
	same := map[discoveryv1.AddressType]*group{}
	inFamilies := families(svc)
	for _, name := range s.selected.Members(keyOf(svc.Namespace, svc.Name)) {
		p := s.pods.Get(svc.Namespace, name)
		if p == nil || p.Finished() {
			continue
		}
		for _, family := range inFamilies {
			if address := addressOf(p, family); address != "" {
				g := same[family]
				if g == nil || named {
					g = out.of(family, portsOf(p, svc))
					same[family] = g
				}
				g.endpoints = append(g.endpoints, s.endpoint(svc, p, address))
			}
		}
	}
	return out
}

func (s *state) endpoint(svc *corev1.Service, p *brief.Pod, address string) discoveryv1.Endpoint {
	// One allocation for what the endpoint points at.
	v := &struct {
		ready, serving, terminating bool
		node, zone, hostname        string
		addresses                   [1]string
	}{serving: p.Ready, terminating: p.Terminating, node: p.Node(), hostname: hostname(p, svc), addresses: [1]string{address}}
	v.ready = svc.Spec.PublishNotReadyAddresses || (v.serving && !v.terminating)
	e := discoveryv1.Endpoint{
		Addresses:  v.addresses[:],
		Conditions: discoveryv1.EndpointConditions{Ready: &v.ready, Serving: &v.serving, Terminating: &v.terminating},
		TargetRef:  &corev1.ObjectReference{Kind: "Pod", Namespace: svc.Namespace, Name: p.Name, UID: p.UID},
	}
	if v.hostname != "" {
		e.Hostname = &v.hostname
	}
	if v.node != "" {
		e.NodeName = &v.node
		if v.zone = s.zones[v.node]; v.zone != "" {
			e.Zone = &v.zone
		}
	}
	if v.ready {
		e.Hints = hints(svc, &e)
	}
	return e
}

// hints ask to keep traffic near where the Service says so.
func hints(svc *corev1.Service, e *discoveryv1.Endpoint) *discoveryv1.EndpointHints {
	if svc.Spec.TrafficDistribution == nil || e.Zone == nil {
		return nil
	}
	zone := []discoveryv1.ForZone{{Name: *e.Zone}}
	switch *svc.Spec.TrafficDistribution {
	case corev1.ServiceTrafficDistributionPreferClose, corev1.ServiceTrafficDistributionPreferSameZone:
		return &discoveryv1.EndpointHints{ForZones: zone}
	case corev1.ServiceTrafficDistributionPreferSameNode:
		return &discoveryv1.EndpointHints{ForZones: zone, ForNodes: []discoveryv1.ForNode{{Name: *e.NodeName}}}
	}
	return nil
}

// template is a slice of a Service, empty.
func template(svc *corev1.Service) *discoveryv1.EndpointSlice {
	labels := inherited(svc.Labels)
	labels[discoveryv1.LabelServiceName], labels[discoveryv1.LabelManagedBy] = svc.Name, sliceManager
	if headless(svc) {
		labels[corev1.IsHeadlessService] = ""
	}
	return &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{
		Namespace: svc.Namespace, GenerateName: svc.Name + "-", Labels: labels,
		OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(svc, corev1.SchemeGroupVersion.WithKind("Service"))},
	}}
}

func headless(svc *corev1.Service) bool { return svc.Spec.ClusterIP == corev1.ClusterIPNone }

// inherited are the labels that a Service hands on.
func inherited(labels map[string]string) map[string]string {
	out := maps.Clone(labels)
	if out == nil {
		out = map[string]string{}
	}
	for _, reserved := range []string{discoveryv1.LabelServiceName, discoveryv1.LabelManagedBy, corev1.IsHeadlessService} {
		delete(out, reserved)
	}
	return out
}
