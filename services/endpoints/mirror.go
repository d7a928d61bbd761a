package endpoints

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	commandv1 "taffrail.dev/proto/gen/command/v1"
)

// The annotation that makes an Endpoints a lock, not endpoints, of old leader elections.
const lockAnnotation = "control-plane.alpha.kubernetes.io/leader"

// mirror keeps slices that say what a user's Endpoints says.
func mirror(svc *corev1.Service, e *corev1.Endpoints, have []*discoveryv1.EndpointSlice) []*commandv1.Command {
	if e == nil || e.DeletionTimestamp != nil || !mirrored(e) {
		return writes(pack(have, groups{}, template(svc), nil))
	}
	labels := inherited(e.Labels)
	labels[discoveryv1.LabelServiceName], labels[discoveryv1.LabelManagedBy] = e.Name, mirrorManager
	like := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{
		Namespace: e.Namespace, GenerateName: e.Name + "-", Labels: labels, Annotations: annotations(e),
		OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(e, corev1.SchemeGroupVersion.WithKind("Endpoints"))},
	}}
	want := groups{}
	for i := range e.Subsets {
		addSubset(want, &e.Subsets[i])
	}
	return writes(pack(have, want, like, nil))
}

func mirrored(e *corev1.Endpoints) bool {
	_, lock := e.Annotations[lockAnnotation]
	return !lock && e.Labels[discoveryv1.LabelSkipMirror] != "true"
}

func annotations(e *corev1.Endpoints) map[string]string {
	out := maps.Clone(e.Annotations)
	delete(out, corev1.LastAppliedConfigAnnotation)
	delete(out, corev1.EndpointsLastChangeTriggerTime)
	return out
}

// addSubset adds a subset's addresses, as many as a legacy subset may have.
func addSubset(want groups, s *corev1.EndpointSubset) {
	ports := []discoveryv1.EndpointPort{}
	for _, p := range s.Ports {
		name, number, proto := p.Name, p.Port, protocol(p.Protocol)
		ports = append(ports, discoveryv1.EndpointPort{Name: &name, Port: &number, Protocol: &proto, AppProtocol: p.AppProtocol})
	}
	left := legacyCapacity
	add := func(addresses []corev1.EndpointAddress, ready bool) {
		for _, a := range addresses[:min(left, len(addresses))] {
			left--
			if family := familyOf(a.IP); family != "" {
				isReady := ready
				e := discoveryv1.Endpoint{
					Addresses: []string{a.IP}, TargetRef: a.TargetRef, NodeName: a.NodeName,
					Conditions: discoveryv1.EndpointConditions{Ready: &isReady},
				}
				if a.Hostname != "" {
					e.Hostname = &a.Hostname
				}
				g := want.of(family, ports)
				g.endpoints = append(g.endpoints, e)
			}
		}
	}
	add(s.Addresses, true)
	add(s.NotReadyAddresses, false)
}
