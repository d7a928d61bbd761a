package admission

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

// NodeRestriction keeps a node agent to its own node and the pods on it, also in what it
// writes into them.
type NodeRestriction struct{}

var _ Plugin = NodeRestriction{}

const (
	nodeUserPrefix = "system:node:"
	nodesGroup     = "system:nodes"
)

// Name is the plugin's.
func (NodeRestriction) Name() string { return "NodeRestriction" }

// Admit refuses what a node agent has no business with.
func (NodeRestriction) Admit(_ context.Context, r *kind.Request, obj, old kind.Object) error {
	node, ok := strings.CutPrefix(r.User.Name, nodeUserPrefix)
	if !ok || !slices.Contains(r.User.Groups, nodesGroup) {
		return nil
	}
	switch r.Kind.SubjectResource() {
	case subject.Nodes:
		return admitNode(r, node, obj, old)
	case subject.Pods:
		return admitPod(r, node, obj, old)
	}
	return nil
}

func admitNode(r *kind.Request, node string, obj, old kind.Object) error {
	name := r.Name
	if obj != nil {
		name = obj.GetName()
	}
	if name != node {
		return forbid(r, name, fmt.Errorf("node %q is not allowed to modify node %q", node, name))
	}
	now, ok := obj.(*corev1.Node)
	if !ok || now == nil {
		return nil
	}
	was, _ := old.(*corev1.Node)
	if was == nil {
		was = new(corev1.Node)
	} else if r.Subresource == "" && !equality.Semantic.DeepEqual(now.Spec.Taints, was.Spec.Taints) {
		return forbid(r, name, fmt.Errorf("node %q is not allowed to modify taints", node))
	}
	if refused := refusedLabels(now.Labels, was.Labels); len(refused) > 0 {
		return forbid(r, name, fmt.Errorf("is not allowed to modify labels: %s", strings.Join(refused, ", ")))
	}
	return nil
}

// refusedLabels are the labels of Kubernetes' domains that differ and that are not an agent's to set.
func refusedLabels(now, was map[string]string) (refused []string) {
	for k := range union(now, was) {
		if v, ok := now[k]; has(was, k) == ok && v == was[k] {
			continue
		}
		domain, _, prefixed := strings.Cut(k, "/")
		if !prefixed || !isDomain(domain, "kubernetes.io") && !isDomain(domain, "k8s.io") {
			continue
		}
		if isDomain(domain, "node-restriction.kubernetes.io") || !isDomain(domain, "kubelet.kubernetes.io") &&
			!isDomain(domain, "node.kubernetes.io") && !agentLabels[k] {
			refused = append(refused, k)
		}
	}
	slices.Sort(refused)
	return refused
}

func union(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	if all == nil {
		all = make(map[string]string, len(b))
	}
	maps.Copy(all, b)
	return all
}

func has(m map[string]string, k string) bool {
	_, ok := m[k]
	return ok
}

func isDomain(domain, of string) bool { return domain == of || strings.HasSuffix(domain, "."+of) }

// agentLabels are those besides whole domains that a node agent sets.
var agentLabels = map[string]bool{
	corev1.LabelHostname: true, corev1.LabelInstanceTypeStable: true, corev1.LabelOSStable: true, corev1.LabelArchStable: true,
	corev1.LabelTopologyZone: true, corev1.LabelTopologyRegion: true, corev1.LabelInstanceType: true,
	corev1.LabelFailureDomainBetaZone: true, corev1.LabelFailureDomainBetaRegion: true,
	"beta.kubernetes.io/os": true, "beta.kubernetes.io/arch": true,
}

func admitPod(r *kind.Request, node string, obj, old kind.Object) error {
	switch {
	case r.Subresource == "" && obj != nil && old == nil:
		return admitMirror(r, node, obj.(*corev1.Pod))
	case r.Subresource == "status" || obj == nil:
		was, _ := old.(*corev1.Pod)
		if was == nil {
			return nil
		}
		if was.Spec.NodeName != node {
			verb := "update status for"
			if obj == nil {
				verb = "delete"
			}
			return forbid(r, was.Name, fmt.Errorf("node %q can only %s pods with spec.nodeName set to itself", node, verb))
		}
		if obj != nil && !maps.Equal(obj.GetLabels(), was.Labels) {
			return forbid(r, was.Name, fmt.Errorf("node %q cannot update labels through pod status", node))
		}
	}
	return nil
}

func admitMirror(r *kind.Request, node string, pod *corev1.Pod) error {
	if _, mirror := pod.Annotations[corev1.MirrorPodAnnotationKey]; !mirror {
		return forbid(r, pod.Name, fmt.Errorf("pod does not have %q annotation, node %q can only create mirror pods", corev1.MirrorPodAnnotationKey, node))
	}
	if pod.Spec.NodeName != node {
		return forbid(r, pod.Name, fmt.Errorf("node %q can only create pods with spec.nodeName set to itself", node))
	}
	if pod.Spec.ServiceAccountName != "" {
		return forbid(r, pod.Name, fmt.Errorf("node %q can not create pods that reference a service account", node))
	}
	return nil
}
