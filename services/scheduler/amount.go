package scheduler

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	requests "k8s.io/component-helpers/resource"
)

// What a container that asks for nothing is scored as, so that many of them
// still spread: 100m of a CPU and 200 MiB.
const (
	unaskedCPU    = 100
	unaskedMemory = 200 << 20
)

// amount is a quantity of each resource: CPU in thousandths, memory and storage in
// bytes, others in their own unit.
type amount struct {
	cpu, memory, storage int64
	extended             map[corev1.ResourceName]int64
}

func amountOf(list corev1.ResourceList) amount {
	var a amount
	for name, q := range list {
		switch name {
		case corev1.ResourceCPU:
			a.cpu = q.MilliValue()
		case corev1.ResourceMemory:
			a.memory = q.Value()
		case corev1.ResourceEphemeralStorage:
			a.storage = q.Value()
		case corev1.ResourcePods:
		default:
			if v := q.Value(); v != 0 {
				if a.extended == nil {
					a.extended = map[corev1.ResourceName]int64{}
				}
				a.extended[name] = v
			}
		}
	}
	return a
}

// add adds b times sign (1 or -1).
func (a *amount) add(b amount, sign int64) {
	a.cpu += sign * b.cpu
	a.memory += sign * b.memory
	a.storage += sign * b.storage
	for name, v := range b.extended {
		if a.extended == nil {
			a.extended = map[corev1.ResourceName]int64{}
		}
		if a.extended[name] += sign * v; a.extended[name] == 0 {
			delete(a.extended, name)
		}
	}
}

func (a amount) equal(b amount) bool {
	if a.cpu != b.cpu || a.memory != b.memory || a.storage != b.storage || len(a.extended) != len(b.extended) {
		return false
	}
	for name, v := range a.extended {
		if b.extended[name] != v {
			return false
		}
	}
	return true
}

// demand is what a pod takes of a node.
type demand struct {
	amount
	// CPU and memory as scored: containers that ask for nothing count too.
	scoredCPU, scoredMemory int64
	ports                   []port
}

// demandOf is a pod's demand: the most of its init and its running phase, sidecars and overhead included; for a running pod
// that is being resized the larger of asked and given.
func demandOf(pod *corev1.Pod) demand {
	options := requests.PodResourcesOptions{UseStatusResources: true, InPlacePodLevelResourcesVerticalScalingEnabled: true}
	d := demand{amount: amountOf(requests.PodRequests(pod, options)), ports: portsOf(pod)}
	if asksForAll(pod) {
		d.scoredCPU, d.scoredMemory = d.cpu, d.memory
		return d
	}
	options.NonMissingContainerRequests = corev1.ResourceList{
		corev1.ResourceCPU:    *resource.NewMilliQuantity(unaskedCPU, resource.DecimalSI),
		corev1.ResourceMemory: *resource.NewQuantity(unaskedMemory, resource.BinarySI),
	}
	scored := amountOf(requests.PodRequests(pod, options))
	d.scoredCPU, d.scoredMemory = scored.cpu, scored.memory
	return d
}

func asksForAll(pod *corev1.Pod) bool {
	for _, containers := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range containers {
			list := containers[i].Resources.Requests
			_, cpu := list[corev1.ResourceCPU]
			_, memory := list[corev1.ResourceMemory]
			if !cpu || !memory {
				return false
			}
		}
	}
	return true
}

func (d demand) equal(o demand) bool {
	if !d.amount.equal(o.amount) || d.scoredCPU != o.scoredCPU || d.scoredMemory != o.scoredMemory || len(d.ports) != len(o.ports) {
		return false
	}
	for i := range d.ports {
		if d.ports[i] != o.ports[i] {
			return false
		}
	}
	return true
}

// port is a host port that a pod takes; ip "" is every address.
type port struct {
	protocol corev1.Protocol
	number   int32
	ip       string
}

func portsOf(pod *corev1.Pod) []port {
	var ports []port
	for i := range pod.Spec.InitContainers {
		if c := &pod.Spec.InitContainers[i]; c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			ports = appendPorts(ports, c.Ports)
		}
	}
	for i := range pod.Spec.Containers {
		ports = appendPorts(ports, pod.Spec.Containers[i].Ports)
	}
	return ports
}

func appendPorts(to []port, from []corev1.ContainerPort) []port {
	for _, p := range from {
		if p.HostPort <= 0 {
			continue
		}
		one := port{p.Protocol, p.HostPort, p.HostIP}
		if one.protocol == "" {
			one.protocol = corev1.ProtocolTCP
		}
		if one.ip == "0.0.0.0" || one.ip == "::" {
			one.ip = ""
		}
		to = append(to, one)
	}
	return to
}

// clashes says whether two pods cannot both have their port.
func (p port) clashes(o port) bool {
	return p.protocol == o.protocol && p.number == o.number && (p.ip == o.ip || p.ip == "" || o.ip == "")
}
