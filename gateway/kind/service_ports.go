package kind

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// portAllocator picks node ports for one service.
type portAllocator struct {
	tx Tx
	s  *corev1.Service
	// had are the service's before, taken those that it has by now.
	had, taken map[portKey]bool
}

func allocatePorts(tx Tx, s *corev1.Service, was *corev1.ServiceSpec) *field.Error {
	a := portAllocator{tx: tx, s: s, had: nodePortsOf(was), taken: map[portKey]bool{}}
	for i := range s.Spec.Ports {
		if p := &s.Spec.Ports[i]; p.NodePort != 0 {
			if err := a.claim(portKey{p.Protocol, p.NodePort}, specPath.Child("ports").Index(i).Child("nodePort")); err != nil {
				return err
			}
		}
	}
	if wantsNodePorts(&s.Spec) {
		for i := range s.Spec.Ports {
			if err := a.fill(&s.Spec.Ports[i]); err != nil {
				return err
			}
		}
	}
	if !wantsHealthPort(&s.Spec) {
		return nil
	}
	at := specPath.Child("healthCheckNodePort")
	if n := s.Spec.HealthCheckNodePort; n != 0 {
		return a.claim(portKey{corev1.ProtocolTCP, n}, at)
	}
	n, ok := a.free(corev1.ProtocolTCP)
	if !ok {
		return field.InternalError(at, fmt.Errorf("failed to allocate a HealthCheck NodePort: %w", errRangeFull))
	}
	s.Spec.HealthCheckNodePort = n
	a.take(portKey{corev1.ProtocolTCP, n})
	return nil
}

// claim takes a port that was asked for.
func (a *portAllocator) claim(k portKey, at *field.Path) *field.Error {
	if k.port < FirstNodePort || k.port > LastNodePort {
		if a.had[k] {
			return nil
		}
		return field.Invalid(at, k.port, fmt.Sprintf("provided port is not in the valid range. The range of valid ports is %d-%d", FirstNodePort, LastNodePort))
	}
	if !a.isFree(k) {
		return field.Invalid(at, k.port, "provided port is already allocated")
	}
	a.take(k)
	return nil
}

// fill gives a port its node port: that of the same port in another protocol, if free, else any.
func (a *portAllocator) fill(p *corev1.ServicePort) *field.Error {
	if p.NodePort != 0 {
		return nil
	}
	for _, other := range a.s.Spec.Ports {
		if k := (portKey{p.Protocol, other.NodePort}); other.Port == p.Port && other.NodePort != 0 && a.isFree(k) {
			p.NodePort = other.NodePort
			a.take(k)
			return nil
		}
	}
	n, ok := a.free(p.Protocol)
	if !ok {
		return field.InternalError(specPath.Child("ports"), fmt.Errorf("failed to allocate a nodePort: %w", errRangeFull))
	}
	p.NodePort = n
	a.take(portKey{p.Protocol, n})
	return nil
}

func (a *portAllocator) isFree(k portKey) bool {
	if a.taken[k] {
		return false
	}
	if a.had[k] {
		return true
	}
	_, taken := a.tx.Get(NodePorts, "", k.name())
	return !taken
}

func (a *portAllocator) take(k portKey) {
	a.taken[k] = true
	if a.had[k] {
		return
	}
	a.tx.Create(NodePorts, &networkingv1.IPAddress{
		ObjectMeta: metav1.ObjectMeta{Name: k.name()},
		Spec:       networkingv1.IPAddressSpec{ParentRef: parentRef(a.s)},
	})
}

// staticNodePorts are the lower ones, left to those who ask for a port by number while others are free.
const staticNodePorts = 86

func (a *portAllocator) free(protocol corev1.Protocol) (int32, bool) {
	from := seed(a.s)
	for _, band := range [][2]uint32{{FirstNodePort + staticNodePorts, LastNodePort + 1}, {FirstNodePort, FirstNodePort + staticNodePorts}} {
		width := band[1] - band[0]
		for i := range width {
			k := portKey{protocol, int32(band[0] + (from%width+i)%width)}
			if !a.had[k] && a.isFree(k) {
				return k.port, true
			}
		}
	}
	return 0, false
}
