package kind

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func nodeKind(h Hooks) *Kind {
	k := &Kind{
		GroupVersionKind: core("Node"), Resource: "nodes", ShortNames: []string{"no"},
		New:     func() Object { return new(corev1.Node) },
		NewList: func() runtime.Object { return new(corev1.NodeList) },
		Default: on(defaultNode),
		// A node is created with the status that its agent found.
		Prepare: prepares(func(n, old *corev1.Node) {
			if old != nil {
				n.Status = old.Status
			}
		}),
		Validate:         validates(validateNode),
		SelectableFields: []string{"spec.unschedulable"},
		Selectable: labels(func(n *corev1.Node) map[string]string {
			return map[string]string{"spec.unschedulable": strconv.FormatBool(n.Spec.Unschedulable)}
		}),
		Columns: nodeColumns(),
		Subresources: []Subresource{
			status(func(n, old *corev1.Node) { n.Spec = old.Spec }, validateNode),
		},
	}
	if h.NodeProxy != nil {
		k.Subresources = append(k.Subresources, Subresource{Name: "proxy", Verbs: allHTTPVerbs(), Connect: h.NodeProxy, Options: nodeProxyOptions})
	}
	return k
}

// allHTTPVerbs are the verbs of a subresource that relays HTTP.
func allHTTPVerbs() []string { return []string{"create", "delete", "get", "patch", "update"} }

func defaultNode(n *corev1.Node) {
	if len(n.Spec.PodCIDRs) == 0 && n.Spec.PodCIDR != "" {
		n.Spec.PodCIDRs = []string{n.Spec.PodCIDR}
	} else if n.Spec.PodCIDR == "" && len(n.Spec.PodCIDRs) > 0 {
		n.Spec.PodCIDR = n.Spec.PodCIDRs[0]
	}
	defaultResources(n.Status.Capacity)
	defaultResources(n.Status.Allocatable)
	if n.Status.Allocatable != nil || n.Status.Capacity == nil {
		return
	}
	n.Status.Allocatable = n.Status.Capacity.DeepCopy()
}
