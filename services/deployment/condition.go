package deployment

import (
	"fmt"
	"math"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Reasons of the conditions Progressing and Available.
const (
	updated      = "ReplicaSetUpdated"
	createFailed = "ReplicaSetCreateError"
	newCreated   = "NewReplicaSetCreated"
	foundNew     = "FoundNewReplicaSet"
	newAvailable = "NewReplicaSetAvailable"
	timedOut     = "ProgressDeadlineExceeded"
	paused       = "DeploymentPaused"
	resumed      = "DeploymentResumed"
	enough       = "MinimumReplicasAvailable"
	tooFew       = "MinimumReplicasUnavailable"
)

// deadline says whether the Deployment's progress is timed.
func deadline(d *appsv1.Deployment) bool {
	return d.Spec.ProgressDeadlineSeconds != nil && *d.Spec.ProgressDeadlineSeconds != math.MaxInt32
}

func (r *rollout) current() []appsv1.DeploymentCondition {
	if r.conditions == nil {
		r.conditions = slices.Clone(r.d.Status.Conditions)
	}
	return r.conditions
}

func (r *rollout) condition(kind appsv1.DeploymentConditionType) *appsv1.DeploymentCondition {
	for _, c := range r.current() {
		if c.Type == kind {
			return &c
		}
	}
	return nil
}

// setCondition sets a condition; one of the same status and reason stays as it is.
func (r *rollout) setCondition(kind appsv1.DeploymentConditionType, status corev1.ConditionStatus, reason, format string, args ...any) {
	now := metav1.NewTime(r.turn.Now)
	c := appsv1.DeploymentCondition{
		Type: kind, Status: status, Reason: reason, Message: fmt.Sprintf(format, args...), LastUpdateTime: now, LastTransitionTime: now,
	}
	if was := r.condition(kind); was != nil {
		if was.Status == status && was.Reason == reason {
			return
		}
		if was.Status == status {
			c.LastTransitionTime = was.LastTransitionTime
		}
	}
	r.removeCondition(kind)
	r.conditions = append(r.conditions, c)
}

func (r *rollout) removeCondition(kind appsv1.DeploymentConditionType) {
	r.conditions = slices.DeleteFunc(slices.Clone(r.current()), func(c appsv1.DeploymentCondition) bool { return c.Type == kind })
}

// notePause keeps the Progressing condition in step with spec.paused, which also
// restarts the deadline on resumption. A deadline that has passed stays so.
func (r *rollout) notePause() {
	if !deadline(r.d) {
		return
	}
	c := r.condition(appsv1.DeploymentProgressing)
	if c != nil && c.Reason == timedOut {
		return
	}
	noted := c != nil && c.Reason == paused
	switch {
	case r.d.Spec.Paused && !noted:
		r.setCondition(appsv1.DeploymentProgressing, corev1.ConditionUnknown, paused, "Deployment is paused")
	case !r.d.Spec.Paused && noted:
		r.setCondition(appsv1.DeploymentProgressing, corev1.ConditionUnknown, resumed, "Deployment is resumed")
	}
}
