package kind

import (
	"context"
	"net/http"
)

// ConnectFunc serves a streaming subresource.
type ConnectFunc func(r *Request, obj Object) (http.Handler, error)

// CreateFunc answers a create on a subresource.
type CreateFunc func(ctx context.Context, r *Request, tx Tx, obj, body Object) (Object, error)

// ReviewFunc answers a create of a virtual kind.
type ReviewFunc func(ctx context.Context, r *Request, obj Object) (Object, error)

// Hooks are the parts of kinds that reach beyond objects: connections to nodes, tokens and
// access decisions. A subresource or virtual kind whose hook is nil is not served.
type Hooks struct {
	PodLog, PodExec, PodAttach, PodPortForward, PodProxy ConnectFunc
	ServiceProxy, NodeProxy                              ConnectFunc

	// ServiceAccountToken answers serviceaccounts/token with a signed TokenRequest.
	ServiceAccountToken CreateFunc

	TokenReview, SelfSubjectReview                  ReviewFunc
	SubjectAccessReview, LocalSubjectAccessReview   ReviewFunc
	SelfSubjectAccessReview, SelfSubjectRulesReview ReviewFunc
}

// All is every kind, in the order of discovery.
func All(h Hooks) []*Kind {
	all := []*Kind{
		namespaceKind(), nodeKind(h), podKind(h), serviceKind(h), endpointsKind(), configMapKind(), secretKind(),
		serviceAccountKind(h), eventKind(),
		claimKind(), persistentVolumeKind(), replicationControllerKind(), podTemplateKind(), limitRangeKind(), resourceQuotaKind(),
		deploymentKind(), replicaSetKind(), statefulSetKind(), daemonSetKind(), controllerRevisionKind(),
		jobKind(), cronJobKind(), podAutoscalerKind(),
		endpointSliceKind(), leaseKind(), ipAddressKind(), serviceCIDRKind(), nodePortKind(),
		ingressKind(), ingressClassKind(), networkPolicyKind(),
		storageClassKind(), volumeAttributesClassKind(), csiDriverKind(), csiNodeKind(), csiStorageCapacityKind(), volumeAttachmentKind(),
		runtimeClassKind(), certificateRequestKind(), flowSchemaKind(), priorityLevelKind(),
		deviceClassKind(), resourceClaimKind(), resourceClaimTemplateKind(), resourceSliceKind(),
		roleKind(), roleBindingKind(), clusterRoleKind(), clusterRoleBindingKind(),
		priorityClassKind(), disruptionBudgetKind(),
	}
	return append(all, reviewKinds(h)...)
}
