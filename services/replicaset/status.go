package replicaset

import (
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"taffrail.dev/events/errs"
	"taffrail.dev/events/process"
	"taffrail.dev/services/record"
)

// statusOf is the status a set should have, and when time alone may change it (0: never).
func statusOf(rs *appsv1.ReplicaSet, c claim, t process.Turn) (appsv1.ReplicaSetStatus, time.Duration) {
	var after time.Duration
	terminating := int32(len(c.terminating))
	status := appsv1.ReplicaSetStatus{
		ObservedGeneration:  rs.Generation,
		Replicas:            int32(len(c.active)),
		TerminatingReplicas: &terminating,
		Conditions:          slices.Clone(rs.Status.Conditions),
	}
	template := labels.SelectorFromSet(rs.Spec.Template.Labels)
	minReady := time.Duration(rs.Spec.MinReadySeconds) * time.Second
	for _, p := range c.active {
		if template.Matches(p.Labels) {
			status.FullyLabeledReplicas++
		}
		if !p.Ready {
			continue
		}
		status.ReadyReplicas++
		if wait := untilAvailable(p, minReady, t.Now); wait == 0 {
			status.AvailableReplicas++
		} else if after == 0 || wait < after {
			after = wait
		}
	}
	status.Conditions = withFailure(status.Conditions, failureOf(rs, c, t), t.Now)
	return status, after
}

// failureOf is the ReplicaFailure condition that the last turn's failure calls for, nil for none.
func failureOf(rs *appsv1.ReplicaSet, c claim, t process.Turn) *appsv1.ReplicaSetCondition {
	missing := wanted(rs) - len(c.active)
	if t.Err == nil || errs.Is(t.Err, errs.Conflict) || missing == 0 || namespaceEnding(t.Err) {
		return nil
	}
	reason := "FailedCreate"
	if missing < 0 {
		reason = "FailedDelete"
	}
	return &appsv1.ReplicaSetCondition{
		Type: appsv1.ReplicaSetReplicaFailure, Status: corev1.ConditionTrue, Reason: reason, Message: record.Cause(t.Err),
	}
}

// namespaceEnding says whether a refusal is that nothing may be created in a namespace that goes.
func namespaceEnding(err error) bool {
	return errs.Is(err, errs.Forbidden) && strings.Contains(err.Error(), "because it is being terminated")
}

// withFailure sets the condition once and keeps it while failures last.
func withFailure(conditions []appsv1.ReplicaSetCondition, failure *appsv1.ReplicaSetCondition, now time.Time) []appsv1.ReplicaSetCondition {
	at := slices.IndexFunc(conditions, func(c appsv1.ReplicaSetCondition) bool {
		return c.Type == appsv1.ReplicaSetReplicaFailure
	})
	switch {
	case failure == nil && at >= 0:
		return slices.Delete(conditions, at, at+1)
	case failure != nil && at < 0:
		failure.LastTransitionTime = metav1.NewTime(now)
		return append(conditions, *failure)
	}
	return conditions
}

func sameStatus(a, b *appsv1.ReplicaSetStatus) bool { return apiequality.Semantic.DeepEqual(a, b) }
