package access

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

const namespaceNodeLease = "kube-node-lease"

// nodeRules are what a node may do at most; node then looks closer at what concerns
// one object.
func nodeRules() []rbacv1.PolicyRule {
	rule := func(group string, resources []string, verbs ...string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: resources, Verbs: verbs}
	}
	return []rbacv1.PolicyRule{
		rule("", []string{"nodes"}, "create", "get", "list", "watch", "update", "patch"),
		rule("", []string{"nodes/status"}, "update", "patch"),
		rule("", []string{"pods"}, "get", "list", "watch", "delete"),
		rule("", []string{"pods/status"}, "update", "patch"),
		rule("", []string{"pods/eviction"}, "create"),
		rule("", []string{"secrets", "configmaps"}, "get"),
		rule("", []string{"serviceaccounts"}, "get"),
		rule("", []string{"serviceaccounts/token"}, "create"),
		rule("certificates.k8s.io", []string{"certificatesigningrequests"}, "create", "get", "list", "watch"),
		rule("", []string{"services", "namespaces"}, "get", "list", "watch"),
		rule("", []string{"events"}, "create", "update", "patch"),
		rule("events.k8s.io", []string{"events"}, "create", "update", "patch"),
		rule("discovery.k8s.io", []string{"endpointslices"}, "get", "list", "watch"),
		rule("coordination.k8s.io", []string{"leases"}, "create", "get", "update", "patch", "delete"),
		rule("authentication.k8s.io", []string{"tokenreviews"}, "create"),
		rule("authorization.k8s.io", []string{"subjectaccessreviews", "localsubjectaccessreviews"}, "create"),
	}
}

// node decides for a node, if decided; else RBAC may still allow it.
func (a *Authorizer) node(node string, attributes *Attributes) (allowed bool, reason string, decided bool) {
	if attributes.Resource == "" {
		return false, "", false
	}
	within := slices.ContainsFunc(a.nodeRules, func(r rule) bool { return r.answer(attributes) == yes })
	if !within {
		return false, "", false
	}
	if reason := a.nodeRefusal(node, attributes); reason != "" {
		return false, reason, true
	}
	return true, "", true
}

// nodeRefusal is why a node may not do to this object what its rules allow in general; "" if it may.
func (a *Authorizer) nodeRefusal(node string, at *Attributes) string {
	switch at.APIGroup + "/" + at.Resource {
	case "/nodes":
		if at.Verb != "list" && at.Verb != "watch" && at.Verb != "get" && at.Name != "" && at.Name != node {
			return fmt.Sprintf("node %q is not allowed to modify node %q", node, at.Name)
		}
	case "/pods":
		return a.podRefusal(node, at)
	case "/secrets", "/configmaps", "/serviceaccounts":
		if !a.needed(node, at) {
			return fmt.Sprintf("no relationship found between node '%s' and this object", node)
		}
	case "coordination.k8s.io/leases":
		if at.Namespace != namespaceNodeLease {
			return fmt.Sprintf("can only access leases in the %q system namespace", namespaceNodeLease)
		}
		if at.Verb != "create" && at.Name != node || at.Verb == "create" && at.Name != "" && at.Name != node {
			return "can only access node lease with the same name as the requesting node"
		}
	}
	return ""
}

// podRefusal keeps a node's writes to the pods that run on it.
func (a *Authorizer) podRefusal(node string, at *Attributes) string {
	if at.Verb == "list" || at.Verb == "watch" {
		return ""
	}
	have, ok := a.objects.Get(subject.Pods, at.Namespace, at.Name)
	if !ok {
		// It is for the request itself to find that there is no such pod.
		return ""
	}
	if pod, ok := have.(*corev1.Pod); ok && pod.Spec.NodeName != node {
		return fmt.Sprintf("node %q can only %s pods with spec.nodeName set to itself", node, at.Verb)
	}
	return ""
}

// needed says whether a pod on the node uses the object.
func (a *Authorizer) needed(node string, at *Attributes) bool {
	var pods []kind.Object
	if a.onNode != nil {
		pods = a.onNode(node)
	} else {
		pods = a.objects.List(subject.Pods, at.Namespace)
	}
	return slices.ContainsFunc(pods, func(o kind.Object) bool {
		pod, ok := o.(*corev1.Pod)
		return ok && pod.Namespace == at.Namespace && pod.Spec.NodeName == node && uses(pod, at.Resource, at.Name)
	})
}
