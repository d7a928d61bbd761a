package admission

import (
	"context"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

// admitNodesPod lets a node's agent show its own mirror pods, and end and report on the pods bound to it.
func admitNodesPod(ctx context.Context, q *kind.Request, node string, obj, old kind.Object) error {
	pod, _ := obj.(*corev1.Pod)
	was, _ := old.(*corev1.Pod)
	switch q.Subresource {
	case "status":
		return admitPodStatus(q, node, pod, was)
	case "eviction":
		return admitPodEviction(ctx, q, node)
	case "":
	default:
		return refuse(q, "unexpected pod subresource %q, only 'status' and 'eviction' are allowed", q.Subresource)
	}
	switch {
	case pod == nil:
		if was.Spec.NodeName != node {
			return refuse(q, "node %q can only delete pods with spec.nodeName set to itself", node)
		}
		return nil
	case was == nil:
		return admitMirrorPod(ctx, q, node, pod)
	}
	return refuse(q, "unexpected operation %q, node %q can only create and delete mirror pods", "UPDATE", node)
}

func admitPodStatus(q *kind.Request, node string, pod, was *corev1.Pod) error {
	switch {
	case pod == nil || was == nil:
		return refuse(q, "unexpected operation %q", strings.ToUpper(q.Verb))
	case was.Spec.NodeName != node:
		return refuse(q, "node %q can only update pod status for pods with spec.nodeName set to itself", node)
	case !maps.Equal(pod.Labels, was.Labels):
		return refuse(q, "node %q cannot update labels through pod status", node)
	}
	return nil
}

func admitPodEviction(ctx context.Context, q *kind.Request, node string) error {
	pod, err := podOf(ctx, q, q.Name)
	if err != nil {
		return err
	}
	if pod.Spec.NodeName != node {
		return refuse(q, "node %s can only evict pods with spec.nodeName set to itself", node)
	}
	return nil
}

func podOf(ctx context.Context, q *kind.Request, name string) (*corev1.Pod, error) {
	obj, _, err := find(ctx, q, subject.Pods, q.Namespace, name)
	return asPod(name, obj, err)
}

// podAgain is podOf for who has seen that what the Reader has is refused.
func podAgain(ctx context.Context, q *kind.Request, name string) (*corev1.Pod, error) {
	obj, _, err := findAgain(ctx, q, subject.Pods, q.Namespace, name)
	return asPod(name, obj, err)
}

func asPod(name string, obj kind.Object, err error) (*corev1.Pod, error) {
	if err != nil {
		return nil, err
	}
	if pod, ok := obj.(*corev1.Pod); ok {
		return pod, nil
	}
	return nil, apierrors.NewNotFound(corev1.Resource("pods"), name)
}

// admitMirrorPod lets an agent show a pod of its own, which it runs without the cluster, and
// which so may use nothing of the cluster's.
func admitMirrorPod(ctx context.Context, q *kind.Request, node string, pod *corev1.Pod) error {
	if _, mirror := pod.Annotations[corev1.MirrorPodAnnotationKey]; !mirror {
		return refuse(q, "pod does not have %q annotation, node %q can only create mirror pods", corev1.MirrorPodAnnotationKey, node)
	}
	if pod.Spec.NodeName != node {
		return refuse(q, "node %q can only create pods with spec.nodeName set to itself", node)
	}
	if err := admitMirrorOwner(ctx, q, node, pod); err != nil {
		return err
	}
	for _, r := range []struct {
		what string
		has  bool
	}{
		{"a service account", pod.Spec.ServiceAccountName != ""}, {"secrets", namesSecret(pod)}, {"configmaps", namesConfigMap(pod)},
		{"persistentvolumeclaims", claimsVolume(pod)}, {"resourceclaims", len(pod.Spec.ResourceClaims) > 0},
	} {
		if r.has {
			return refuse(q, "node %q can not create pods that reference %s", node, r.what)
		}
	}
	return nil
}

// admitMirrorOwner checks that a mirror pod goes when its node goes.
func admitMirrorOwner(ctx context.Context, q *kind.Request, node string, pod *corev1.Pod) error {
	if len(pod.OwnerReferences) > 1 {
		return refuse(q, "node %q can only create pods with a single owner reference set to itself", node)
	}
	if len(pod.OwnerReferences) == 0 {
		return refuse(q, "node %q can only create pods with an owner reference set to itself", node)
	}
	owner := &pod.OwnerReferences[0]
	switch {
	case owner.APIVersion != "v1" || owner.Kind != "Node" || owner.Name != node:
		return refuse(q, "node %q can only create pods with an owner reference set to itself", node)
	case owner.Controller == nil || !*owner.Controller:
		return refuse(q, "node %q can only create pods with a controller owner reference set to itself", node)
	case owner.BlockOwnerDeletion != nil && *owner.BlockOwnerDeletion:
		return refuse(q, "node %q must not set blockOwnerDeletion on an owner reference", node)
	}
	own, ok, err := find(ctx, q, subject.Nodes, "", node)
	switch {
	case err != nil:
		return err
	case !ok:
		return apierrors.NewNotFound(corev1.Resource("nodes"), node)
	case own.GetUID() != owner.UID:
		return refuse(q, "node %s UID mismatch: expected %s got %s", node, owner.UID, own.GetUID())
	}
	return nil
}
