package kind

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var podResource = schema.GroupResource{Resource: "pods"}

// evictPod deletes a pod, gracefully, if its disruption budget can spare it.
func evictPod(_ context.Context, r *Request, tx Tx, obj, body Object) (Object, error) {
	p, e := obj.(*corev1.Pod), body.(*policyv1.Eviction)
	if e.Name != "" && e.Name != p.Name {
		return nil, apierrors.NewBadRequest("name in URL does not match name in Eviction object")
	}
	var asked *int64
	if o := e.DeleteOptions; o != nil {
		if pre := o.Preconditions; pre != nil && pre.UID != nil && *pre.UID != p.UID {
			return nil, apierrors.NewConflict(podResource, p.Name,
				fmt.Errorf("Precondition failed: UID in precondition: %v, UID in object meta: %v", *pre.UID, p.UID))
		}
		asked = o.GracePeriodSeconds
		r.DryRun = r.DryRun || contains(o.DryRun, metav1.DryRunAll)
	}
	if p.Status.Phase == corev1.PodRunning && p.DeletionTimestamp == nil {
		if err := disrupt(tx, p); err != nil {
			return nil, err
		}
	}
	setPodCondition(p, corev1.PodCondition{
		Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue,
		Reason: "EvictionByEvictionAPI", Message: "Eviction API: evicting",
	}, r.Now)
	requestDeletion(p, podGrace(p, asked), r)
	return nil, nil
}

// requestDeletion marks an object for deletion after grace seconds; one that is marked already
// only ever gets less time.
func requestDeletion(obj Object, grace int64, r *Request) {
	if was := obj.GetDeletionGracePeriodSeconds(); was != nil && *was <= grace {
		return
	}
	at := metav1.NewTime(r.Now.Add(time.Duration(grace) * time.Second).Truncate(time.Second))
	obj.SetDeletionTimestamp(&at)
	obj.SetDeletionGracePeriodSeconds(&grace)
}
