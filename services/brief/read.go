package brief

import (
	"unique"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// SetResourceVersion implements fold.Decodable.
func (p *Pod) SetResourceVersion(version string) { p.version = version }

// GetResourceVersion is the version that it was read at.
func (p *Pod) GetResourceVersion() string { return p.version }

// GetNamespace is the pod's namespace.
func (p *Pod) GetNamespace() string { return p.namespace.Value() }

// GetName is the pod's name.
func (p *Pod) GetName() string { return p.Name }

// GetUID is the pod's uid.
func (p *Pod) GetUID() types.UID { return p.UID }

// Node is the node that it is bound to, "" if none.
func (p *Pod) Node() string { return p.node.Value() }

// Scheduler is the scheduler that it asks for, "" for any.
func (p *Pod) Scheduler() string { return p.scheduler.Value() }

// Controller is the owner that controls it; false if none does.
func (p *Pod) Controller() (owner Owner, controlled bool) {
	if p.owner == (unique.Handle[Owner]{}) {
		return Owner{}, false
	}
	return p.owner.Value(), true
}

// Finished says whether its containers have ended for good.
func (p *Pod) Finished() bool { return p.Phase == corev1.PodSucceeded || p.Phase == corev1.PodFailed }

// Tolerations are those of its spec.
func (p *Pod) Tolerations() []corev1.Toleration { return part(p.tolerations.Value()).Spec.Tolerations }

// Port is the number of the port of a name and a protocol, of its containers or else its sidecars; false if
// there is none.
func (p *Pod) Port(name string, protocol corev1.Protocol) (int32, bool) {
	spec := &part(p.ports.Value()).Spec
	for i := range spec.Containers {
		if n, ok := portOf(&spec.Containers[i], name, protocol); ok {
			return n, true
		}
	}
	for i := range spec.InitContainers {
		if c := &spec.InitContainers[i]; sidecar(c) {
			if n, ok := portOf(c, name, protocol); ok {
				return n, true
			}
		}
	}
	return 0, false
}

func portOf(c *corev1.Container, name string, protocol corev1.Protocol) (int32, bool) {
	for i := range c.Ports {
		of := c.Ports[i].Protocol
		if of == "" {
			of = corev1.ProtocolTCP
		}
		if c.Ports[i].Name == name && of == protocol {
			return c.Ports[i].ContainerPort, true
		}
	}
	return 0, false
}

// SamePorts says whether the pods' containers have the same ports.
func (p *Pod) SamePorts(other *Pod) bool { return p.ports == other.ports }

// part is the pod that a part of one is the encoding of.
func part(encoded string) *corev1.Pod {
	pod := &corev1.Pod{}
	_ = pod.Unmarshal([]byte(encoded)) // sifted from a pod that was read; at worst it has less
	return pod
}
