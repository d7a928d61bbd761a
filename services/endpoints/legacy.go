package endpoints

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"taffrail.dev/events/command"
	"taffrail.dev/events/subject"
	commandv1 "taffrail.dev/proto/gen/command/v1"
	"taffrail.dev/services/brief"
)

const (
	legacyCapacity  = 1000
	legacyManagedBy = "endpoints.kubernetes.io/managed-by"
	legacyManager   = "endpoint-controller"
)

func legacyKey(service subject.Object) subject.Object {
	return subject.Object{Resource: subject.Endpoints, Namespace: service.Namespace, Name: service.Name}
}

// at is one port with the addresses that serve at it.
type at struct {
	port            corev1.EndpointPort
	ready, notReady []corev1.EndpointAddress
	identity        strings.Builder // of the addresses
}

// subsets are a Service's legacy endpoints: ports served by the same addresses share a subset.
func (s *state) subsets(svc *corev1.Service) []corev1.EndpointSubset {
	ports := map[corev1.EndpointPort]*at{}
	family := families(svc)[0]
	// Pods differ in ports only if a port is named.
	var shared []corev1.EndpointPort
	named := slices.ContainsFunc(svc.Spec.Ports, func(p corev1.ServicePort) bool { return p.TargetPort.Type == intstr.String })
	var order []*at
	for _, name := range s.selected.Members(keyOf(svc.Namespace, svc.Name)) {
		p := s.pods.Get(svc.Namespace, name)
		if p == nil || p.Finished() || (p.Terminating && !svc.Spec.PublishNotReadyAddresses) {
			continue
		}
		ip := addressOf(p, family)
		if ip == "" {
			continue
		}
		address, isReady := legacyAddress(svc, p, ip), svc.Spec.PublishNotReadyAddresses || p.Ready
		if named || shared == nil {
			shared = legacyPorts(svc, p)
		}
		for _, port := range shared {
			key := port
			key.AppProtocol = nil
			a := ports[key]
			if a == nil {
				a = &at{port: port}
				ports[key] = a
				order = append(order, a)
			}
			a.identity.WriteString(ip)
			if isReady {
				a.identity.WriteString("+")
				a.ready = append(a.ready, address)
			} else {
				a.identity.WriteString("-")
				a.notReady = append(a.notReady, address)
			}
		}
	}
	return merged(order)
}

// merged joins ports of equal addresses, in a stable order.
func merged(order []*at) []corev1.EndpointSubset {
	bySame := map[string]*corev1.EndpointSubset{}
	for _, a := range order {
		id := a.identity.String()
		if bySame[id] == nil {
			bySame[id] = &corev1.EndpointSubset{Addresses: byIP(a.ready), NotReadyAddresses: byIP(a.notReady)}
		}
		if a.port.Port != 0 {
			bySame[id].Ports = append(bySame[id].Ports, a.port)
		}
	}
	var out []corev1.EndpointSubset
	for _, id := range slices.Sorted(maps.Keys(bySame)) {
		slices.SortFunc(bySame[id].Ports, func(a, b corev1.EndpointPort) int {
			return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Port, b.Port), cmp.Compare(a.Protocol, b.Protocol))
		})
		out = append(out, *bySame[id])
	}
	return out
}

func byIP(a []corev1.EndpointAddress) []corev1.EndpointAddress {
	slices.SortFunc(a, func(x, y corev1.EndpointAddress) int { return cmp.Compare(x.IP, y.IP) })
	return a
}

func legacyAddress(svc *corev1.Service, p *brief.Pod, ip string) corev1.EndpointAddress {
	a := corev1.EndpointAddress{
		IP: ip, Hostname: hostname(p, svc),
		TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: svc.Namespace, Name: p.Name, UID: p.UID},
	}
	if node := p.Node(); node != "" {
		a.NodeName = &node
	}
	return a
}

// legacyPorts are the ports of a pod; a headless Service without ports has one that says so.
func legacyPorts(svc *corev1.Service, p *brief.Pod) []corev1.EndpointPort {
	if len(svc.Spec.Ports) == 0 {
		return []corev1.EndpointPort{{}}
	}
	var out []corev1.EndpointPort
	for _, port := range portsOf(p, svc) {
		out = append(out, corev1.EndpointPort{Name: *port.Name, Port: *port.Port, Protocol: *port.Protocol, AppProtocol: port.AppProtocol})
	}
	return out
}

// truncated keeps the capacity, ready addresses before others, and says whether any are cut.
func truncated(subsets []corev1.EndpointSubset) bool {
	left, cut := legacyCapacity, false
	take := func(a []corev1.EndpointAddress) []corev1.EndpointAddress {
		n := min(left, len(a))
		left -= n
		cut = cut || n < len(a)
		return a[:n]
	}
	for i := range subsets {
		subsets[i].Addresses = take(subsets[i].Addresses)
	}
	for i := range subsets {
		subsets[i].NotReadyAddresses = take(subsets[i].NotReadyAddresses)
	}
	return cut
}

// publish writes the legacy Endpoints, nil if they are as they should be.
func publish(svc *corev1.Service, have *corev1.Endpoints, subsets []corev1.EndpointSubset) *commandv1.Command {
	labels := inherited(svc.Labels)
	labels[legacyManagedBy] = legacyManager
	if headless(svc) {
		labels[corev1.IsHeadlessService] = ""
	}
	cut := truncated(subsets)
	key := legacyKey(keyOf(svc.Namespace, svc.Name))
	if have == nil {
		e := &corev1.Endpoints{ObjectMeta: metav1.ObjectMeta{Namespace: svc.Namespace, Name: svc.Name, Labels: labels}, Subsets: subsets}
		mark(e, cut)
		return command.Create(key, e, "published")
	}
	_, marked := have.Annotations[corev1.EndpointsOverCapacity]
	if marked == cut && maps.Equal(have.Labels, labels) && apiequality.Semantic.DeepEqual(have.Subsets, subsets) {
		return nil
	}
	next := have.DeepCopy()
	next.Labels, next.Subsets = labels, subsets
	mark(next, cut)
	return command.Update(key, "", next, "published")
}

func mark(e *corev1.Endpoints, cut bool) {
	delete(e.Annotations, corev1.EndpointsOverCapacity)
	if cut {
		if e.Annotations == nil {
			e.Annotations = map[string]string{}
		}
		e.Annotations[corev1.EndpointsOverCapacity] = "truncated"
	}
}
