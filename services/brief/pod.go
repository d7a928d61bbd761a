// Package brief is what the services keep of the many objects of a cluster: what decisions are made on, with what
// is alike in many of them kept once. A pod decoded whole is 15 KB, in brief a few hundred bytes.
package brief

import (
	"slices"
	"strconv"
	"time"
	"unique"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"taffrail.dev/services/selection"
)

// Pod is a pod in brief. Like all that is decoded from an event it is shared and does not change.
type Pod struct {
	Name       string
	UID        types.UID
	Generation int64
	Labels     selection.Labels
	Created    time.Time
	// Terminating: its deletion was asked for.
	Terminating bool
	// Gated: it is not to be scheduled yet.
	Gated bool

	Hostname, Subdomain string
	Phase               corev1.PodPhase
	// IPs are all of its addresses.
	IPs []string
	// Claims are the volume claims that it names, those made for it included.
	Claims []string
	// Ready is its condition, ReadySince when that last changed; Disrupted says that it is to go.
	Ready, Disrupted bool
	ReadySince       time.Time
	// DeletionCost is the annotation's, 0 if that is absent or no number.
	DeletionCost int32
	// Restarts are the most of any of its containers, SidecarRestarts of any sidecar.
	Restarts, SidecarRestarts int32

	version                    string
	namespace, node, scheduler unique.Handle[string]
	owner                      unique.Handle[Owner]
	// spec has the tolerations and the containers' ports, encoded.
	tolerations, ports unique.Handle[string]
}

// Owner is what controls an object.
type Owner struct {
	APIVersion, Kind, Name string
	UID                    types.UID
}

// What is read of a pod, by field numbers of core/v1.
var (
	containerPorts = fields{1: nil, 6: nil, 24: nil}
	read           = fields{
		1: {1: nil, 3: nil, 5: nil, 7: nil, 8: nil, 9: nil, 11: nil, 12: nil, 13: nil},
		2: {1: {1: nil, 2: {10: nil, 29: {}}}, 10: nil, 16: nil, 17: nil, 19: nil, 38: nil, 20: {1: nil, 24: nil}},
		3: {1: nil, 2: nil, 6: nil, 8: {1: nil, 5: nil}, 10: {1: nil, 5: nil}, 12: nil},
	}
	tolerations = fields{2: {22: nil}}
	ports       = fields{2: {2: containerPorts, 20: containerPorts}}
)

// Unmarshal reads the pod from its protobuf.
func (p *Pod) Unmarshal(state []byte) error {
	var whole corev1.Pod
	scratch := read.sift(make([]byte, 0, len(state)), state)
	if err := whole.Unmarshal(scratch); err != nil {
		return err
	}
	p.Name, p.UID, p.Generation = whole.Name, whole.UID, whole.Generation
	p.namespace, p.Labels = unique.Make(whole.Namespace), selection.LabelsOf(whole.Labels)
	p.Created, p.Terminating = whole.CreationTimestamp.Time, whole.DeletionTimestamp != nil
	cost, err := strconv.ParseInt(whole.Annotations[corev1.PodDeletionCost], 10, 32)
	if err == nil {
		p.DeletionCost = int32(cost)
	}
	if ref := metav1.GetControllerOfNoCopy(&whole); ref != nil {
		p.owner = unique.Make(Owner{APIVersion: ref.APIVersion, Kind: ref.Kind, Name: ref.Name, UID: ref.UID})
	}
	p.node, p.Hostname, p.Subdomain = unique.Make(whole.Spec.NodeName), whole.Spec.Hostname, whole.Spec.Subdomain
	p.scheduler, p.Gated = unique.Make(whole.Spec.SchedulerName), len(whole.Spec.SchedulingGates) > 0
	p.tolerations = unique.Make(string(tolerations.sift(scratch[:0], state)))
	p.ports = unique.Make(string(ports.sift(scratch[:0], state)))
	p.Claims = claimsOf(&whole)
	p.readStatus(&whole)
	return nil
}

func claimsOf(p *corev1.Pod) (names []string) {
	for i := range p.Spec.Volumes {
		name := ""
		switch v := &p.Spec.Volumes[i]; {
		case v.PersistentVolumeClaim != nil:
			name = v.PersistentVolumeClaim.ClaimName
		case v.Ephemeral != nil:
			name = p.Name + "-" + v.Name
		}
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func (p *Pod) readStatus(whole *corev1.Pod) {
	p.Phase = phase(whole.Status.Phase)
	for _, ip := range whole.Status.PodIPs {
		p.IPs = append(p.IPs, ip.IP)
	}
	if ip := whole.Status.PodIP; len(p.IPs) == 0 && ip != "" {
		p.IPs = []string{ip}
	}
	for i := range whole.Status.Conditions {
		switch c := &whole.Status.Conditions[i]; c.Type {
		case corev1.PodReady:
			p.Ready, p.ReadySince = c.Status == corev1.ConditionTrue, c.LastTransitionTime.Time
		case corev1.DisruptionTarget:
			p.Disrupted = c.Status == corev1.ConditionTrue
		}
	}
	p.Restarts, p.SidecarRestarts = restarts(whole)
}

// phase is a phase without memory of its own.
func phase(p corev1.PodPhase) corev1.PodPhase {
	for _, known := range [...]corev1.PodPhase{corev1.PodRunning, corev1.PodPending, corev1.PodSucceeded, corev1.PodFailed, corev1.PodUnknown} {
		if p == known {
			return known
		}
	}
	return p
}

// restarts are the most restarts of any regular container and of any sidecar.
func restarts(p *corev1.Pod) (regular, sidecars int32) {
	for i := range p.Status.ContainerStatuses {
		regular = max(regular, p.Status.ContainerStatuses[i].RestartCount)
	}
	for i := range p.Status.InitContainerStatuses {
		status := &p.Status.InitContainerStatuses[i]
		for k := range p.Spec.InitContainers {
			if c := &p.Spec.InitContainers[k]; c.Name == status.Name && sidecar(c) {
				sidecars = max(sidecars, status.RestartCount)
			}
		}
	}
	return regular, sidecars
}

func sidecar(c *corev1.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
}
