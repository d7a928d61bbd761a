package admission

import (
	"context"
	"fmt"
	"slices"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"taffrail.dev/gateway/kind"
)

// admitNodesToken lets a node's agent have the tokens that the pods bound to it mount, and no others.
func admitNodesToken(ctx context.Context, q *kind.Request, node string, request *authenticationv1.TokenRequest) error {
	ref := request.Spec.BoundObjectRef
	if ref == nil || ref.APIVersion != "v1" || ref.Kind != "Pod" || ref.Name == "" {
		return refuse(q, "node requested token not bound to a pod")
	}
	if ref.UID == "" {
		return refuse(q, "node requested token with a pod binding without a uid")
	}
	pod, err := podOf(ctx, q, ref.Name)
	if err == nil && (pod.UID != ref.UID || pod.Spec.NodeName != node) {
		// The node may have been told of the binding before this gateway's view has it.
		pod, err = podAgain(ctx, q, ref.Name)
	}
	switch {
	case err != nil:
		return err
	case pod.UID != ref.UID:
		return apierrors.NewConflict(corev1.Resource("pods"), ref.Name, fmt.Errorf("the UID in the bound object reference (%s) does not match the UID in record. The object might have been deleted and then recreated", ref.UID))
	case pod.Spec.NodeName != node:
		return refuse(q, "node requested token bound to a pod scheduled on a different node")
	case len(request.Spec.Audiences) > 1:
		return refuse(q, "node may only request 0 or 1 audiences")
	}
	audience := ""
	if len(request.Spec.Audiences) == 1 {
		audience = request.Spec.Audiences[0]
	}
	if !mountsAudience(pod, audience) {
		return refuse(q, "audience %q not found in pod spec volume", audience)
	}
	return nil
}

// mountsAudience says whether a volume of the pod has a token for an audience, "" being the API server.
func mountsAudience(pod *corev1.Pod, audience string) bool {
	return slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool {
		return v.Projected != nil && slices.ContainsFunc(v.Projected.Sources, func(p corev1.VolumeProjection) bool {
			return p.ServiceAccountToken != nil && p.ServiceAccountToken.Audience == audience
		})
	})
}
