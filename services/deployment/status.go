package deployment

import (
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"

	"taffrail.dev/events/command"
	commandv1 "taffrail.dev/proto/gen/command/v1"
)

// complete says whether a status is that of a finished rollout.
func complete(d *appsv1.Deployment, s *appsv1.DeploymentStatus) bool {
	return s.UpdatedReplicas == replicas(d) && s.Replicas == replicas(d) && s.AvailableReplicas == replicas(d) &&
		s.ObservedGeneration >= d.Generation
}

// statusCommand writes the status or, once that is as it should be, the revision (both are
// writes of one object: in one turn they would race); nil if both are.
func (r *rollout) statusCommand() *commandv1.Command {
	status := r.count()
	if r.progress {
		r.judge(&status)
	}
	status.Conditions = r.current()
	if apiequality.Semantic.DeepEqual(&status, &r.d.Status) {
		return r.revisionCommand()
	}
	next := r.d.DeepCopy()
	next.Status = status
	return command.Update(key(r.d), "status", next, fmt.Sprintf("%d of %d updated, %d available", status.UpdatedReplicas, replicas(r.d), status.AvailableReplicas))
}

// revisionCommand annotates the Deployment with its newest ReplicaSet's revision.
func (r *rollout) revisionCommand() *commandv1.Command {
	if r.latest == nil || r.d.DeletionTimestamp != nil || r.edits[r.latest] != nil {
		return nil
	}
	revision := r.latest.Annotations[Revision]
	if revision == "" || revision == r.d.Annotations[Revision] {
		return nil
	}
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q},"uid":%q}}`, Revision, revision, r.d.UID)
	return command.Patch(key(r.d), "", command.MergePatch, patch, "revision "+revision)
}

// count adds up the ReplicaSets' statuses.
func (r *rollout) count() appsv1.DeploymentStatus {
	s := appsv1.DeploymentStatus{ObservedGeneration: r.d.Generation, CollisionCount: r.d.Status.CollisionCount}
	if r.collided {
		var n int32
		if s.CollisionCount != nil {
			n = *s.CollisionCount
		}
		n++
		s.CollisionCount = &n
	}
	terminating, known := int32(0), true
	for _, rs := range r.all() {
		s.Replicas += rs.Status.Replicas
		s.ReadyReplicas += rs.Status.ReadyReplicas
		s.AvailableReplicas += rs.Status.AvailableReplicas
		if rs.Status.TerminatingReplicas != nil {
			terminating += *rs.Status.TerminatingReplicas
		} else if rs.Status.ObservedGeneration != 0 { // the replica set service has not counted yet
			known = false
		}
	}
	if known {
		s.TerminatingReplicas = &terminating
	}
	if r.latest != nil {
		s.UpdatedReplicas = r.latest.Status.Replicas
	}
	s.UnavailableReplicas = max(0, r.total(r.all())-s.AvailableReplicas)
	if s.AvailableReplicas >= replicas(r.d)-maxUnavailable(r.d) {
		r.setCondition(appsv1.DeploymentAvailable, corev1.ConditionTrue, enough, "Deployment has minimum availability.")
	} else {
		r.setCondition(appsv1.DeploymentAvailable, corev1.ConditionFalse, tooFew, "Deployment does not have minimum availability.")
	}
	return s
}

// judge sets the conditions Progressing and ReplicaFailure by what changed since the
// stored status, and asks for a turn when the deadline passes.
func (r *rollout) judge(s *appsv1.DeploymentStatus) {
	current := r.condition(appsv1.DeploymentProgressing)
	done := s.Replicas == s.UpdatedReplicas && current != nil && current.Reason == newAvailable
	switch {
	case !deadline(r.d):
		r.removeCondition(appsv1.DeploymentProgressing)
	case done:
	case complete(r.d, s):
		r.setCondition(appsv1.DeploymentProgressing, corev1.ConditionTrue, newAvailable, "%s has successfully progressed.", r.subject())
	case advanced(&r.d.Status, s):
		// Not the same condition again but a new one: its time of update is the deadline's start.
		r.removeCondition(appsv1.DeploymentProgressing)
		r.setCondition(appsv1.DeploymentProgressing, corev1.ConditionTrue, updated, "%s is progressing.", r.subject())
		if c := &r.conditions[len(r.conditions)-1]; current != nil && current.Status == corev1.ConditionTrue {
			c.LastTransitionTime = current.LastTransitionTime
		}
	case r.late(current):
		r.setCondition(appsv1.DeploymentProgressing, corev1.ConditionFalse, timedOut, "%s has timed out progressing.", r.subject())
	}
	if failure := r.failure(); failure != nil {
		r.setCondition(appsv1.DeploymentReplicaFailure, failure.Status, failure.Reason, "%s", failure.Message)
	} else {
		r.removeCondition(appsv1.DeploymentReplicaFailure)
	}
	r.watchDeadline(s)
}

func (r *rollout) subject() string {
	if r.latest != nil {
		return fmt.Sprintf("ReplicaSet %q", r.latest.Name)
	}
	return fmt.Sprintf("Deployment %q", r.d.Name)
}

// advanced says whether there is progress from one status to the next.
func advanced(was, is *appsv1.DeploymentStatus) bool {
	return is.UpdatedReplicas > was.UpdatedReplicas ||
		is.Replicas-is.UpdatedReplicas < was.Replicas-was.UpdatedReplicas ||
		is.ReadyReplicas > was.ReadyReplicas ||
		is.AvailableReplicas > was.AvailableReplicas
}

// late says whether the deadline has passed since the condition was last updated.
func (r *rollout) late(c *appsv1.DeploymentCondition) bool {
	switch {
	case c == nil || c.Reason == newAvailable:
		return false
	case c.Reason == timedOut:
		return true
	}
	return c.LastUpdateTime.Add(r.allowed()).Before(r.turn.Now)
}

func (r *rollout) allowed() time.Duration {
	return time.Duration(*r.d.Spec.ProgressDeadlineSeconds) * time.Second
}

func (r *rollout) watchDeadline(s *appsv1.DeploymentStatus) {
	c := r.condition(appsv1.DeploymentProgressing)
	if c == nil || !deadline(r.d) || complete(r.d, s) || c.Reason == timedOut || c.Reason == newAvailable {
		return
	}
	// Conditions have whole seconds: one more, to be past the deadline for certain.
	r.after = max(0, c.LastUpdateTime.Add(r.allowed()).Sub(r.turn.Now)) + time.Second
}

// failure is the ReplicaFailure condition of the new ReplicaSet, or of any.
func (r *rollout) failure() *appsv1.ReplicaSetCondition {
	sets := slices.Clone(r.all())
	slices.Reverse(sets)
	for _, rs := range sets {
		for i := range rs.Status.Conditions {
			if c := &rs.Status.Conditions[i]; c.Type == appsv1.ReplicaSetReplicaFailure {
				return c
			}
		}
	}
	return nil
}
