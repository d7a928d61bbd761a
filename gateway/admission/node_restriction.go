package admission

import (
	"context"
	"slices"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

// NodeRestriction keeps a node's agent to its own Node, Lease and pods, also in what it
// writes into them: a node that was taken over cannot draw others' pods to itself.
type NodeRestriction struct{}

// Name is the plugin's.
func (NodeRestriction) Name() string { return "NodeRestriction" }

// Admit refuses what a node's agent has no business with.
func (NodeRestriction) Admit(ctx context.Context, q *kind.Request, obj, old kind.Object) error {
	node, ok := nodeOf(&q.User)
	if !ok {
		return nil
	}
	if node == "" {
		return refuse(q, "could not determine node identity from user %q", q.User.Name)
	}
	switch q.Kind.SubjectResource() {
	case subject.Pods:
		return admitNodesPod(ctx, q, node, obj, old)
	case subject.Nodes:
		return admitNode(q, node, obj, old)
	case subject.CoordinationLeases:
		return admitNodesLease(q, node)
	case subject.ServiceAccounts:
		if request, ok := obj.(*authenticationv1.TokenRequest); ok {
			return admitNodesToken(ctx, q, node, request)
		}
	}
	return nil
}

func admitNode(q *kind.Request, node string, obj, old kind.Object) error {
	if q.Name != node {
		return refuse(q, "node %q is not allowed to modify node %q", node, q.Name)
	}
	now, ok := obj.(*corev1.Node)
	if !ok {
		return nil
	}
	was, ok := old.(*corev1.Node)
	if !ok {
		if labels := forbiddenLabels(now.Labels, nil); len(labels) > 0 {
			return refuse(q, "node %q is not allowed to set the following labels: %s", node, strings.Join(labels, ", "))
		}
		return nil
	}
	if !slices.EqualFunc(now.Spec.Taints, was.Spec.Taints, sameTaint) {
		return refuse(q, "node %q is not allowed to modify taints", node)
	}
	if labels := forbiddenLabels(now.Labels, was.Labels); len(labels) > 0 {
		return refuse(q, "is not allowed to modify labels: %s", strings.Join(labels, ", "))
	}
	if !equality.Semantic.DeepEqual(now.OwnerReferences, was.OwnerReferences) {
		return refuse(q, "node %q is not allowed to modify ownerReferences", node)
	}
	return nil
}

func sameTaint(a, b corev1.Taint) bool {
	return a.Key == b.Key && a.Value == b.Value && a.Effect == b.Effect && a.TimeAdded.Equal(b.TimeAdded)
}

func admitNodesLease(q *kind.Request, node string) error {
	if q.Namespace != corev1.NamespaceNodeLease {
		return refuse(q, "can only access leases in the %q system namespace", corev1.NamespaceNodeLease)
	}
	if q.Name != node {
		return refuse(q, "can only access node lease with the same name as the requesting node")
	}
	return nil
}
