package deployment

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/events/command"
	"taffrail.dev/events/errs"
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
	commandv1 "taffrail.dev/proto/gen/command/v1"
	eventv1 "taffrail.dev/proto/gen/event/v1"
	"taffrail.dev/services/record"
)

// rollout is one turn's work on one Deployment: what there is, and what is planned.
type rollout struct {
	d    *appsv1.Deployment
	turn process.Turn
	// taken says whether a ReplicaSet of a name exists, whosever it is.
	taken func(name string) bool
	// sets are all the Deployment's; latest is the one of its template (nil if none), old the
	// others, oldest first.
	sets, old []*appsv1.ReplicaSet
	latest    *appsv1.ReplicaSet

	claims   []*commandv1.Command
	adopting bool
	// created is the ReplicaSet to create; latest is then it.
	created *appsv1.ReplicaSet
	// edits are private copies of ReplicaSets that change.
	edits   map[*appsv1.ReplicaSet]*appsv1.ReplicaSet
	removed []*appsv1.ReplicaSet
	// conditions are the Deployment's, as far as this turn has changed them.
	conditions []appsv1.DeploymentCondition
	collided   bool
	// progress says that progress is judged this turn, which it is not while paused or scaled.
	progress bool
	after    time.Duration
}

// findNew sorts the ReplicaSets into the one of the present template and the old.
func (r *rollout) findNew() {
	slices.SortFunc(r.sets, byCreation)
	for _, rs := range r.sets {
		if r.latest == nil && sameTemplate(&rs.Spec.Template, &r.d.Spec.Template) {
			r.latest = rs
			continue
		}
		r.old = append(r.old, rs)
	}
	if r.latest == nil || r.d.DeletionTimestamp != nil {
		return
	}
	if next := r.nextRevision(); outdated(r.latest, r.d, next) {
		refresh(r.edit(r.latest), r.d, next)
	}
	if !deadline(r.d) {
		return
	}
	switch c := r.condition(appsv1.DeploymentProgressing); {
	case c == nil:
		r.setCondition(appsv1.DeploymentProgressing, corev1.ConditionTrue, foundNew, "Found new replica set %q", r.latest.Name)
	case c.Reason == createFailed: // and has been created since
		r.setCondition(appsv1.DeploymentProgressing, corev1.ConditionTrue, newCreated, "Created new replica set %q", r.latest.Name)
	}
}

func (r *rollout) nextRevision() int64 {
	var most int64
	for _, rs := range r.old {
		most = max(most, revisionOf(rs))
	}
	return most + 1
}

// createNew plans the ReplicaSet of the present template, if there is none. A name that
// is taken by another's ReplicaSet makes the hash count a collision and the next turn try again.
func (r *rollout) createNew() {
	if r.latest != nil || r.adopting {
		return
	}
	hash := templateHash(&r.d.Spec.Template, r.d.Status.CollisionCount)
	rs := newSet(r.d, hash, strconv.FormatInt(r.nextRevision(), 10))
	if r.taken(rs.Name) {
		r.collided = true
		return
	}
	size := newSize(r.d, 0, r.total(r.old))
	rs.Spec.Replicas = &size
	r.created, r.latest = rs, rs
	if !deadline(r.d) {
		return
	}
	if err := r.turn.Err; err != nil && !passing(err) {
		r.setCondition(appsv1.DeploymentProgressing, corev1.ConditionFalse, createFailed, "Failed to create new replica set %q: %s", rs.Name, record.Cause(err))
		return
	}
	r.setCondition(appsv1.DeploymentProgressing, corev1.ConditionTrue, newCreated, "Created new replica set %q", rs.Name)
}

// passing says whether a failure is one of timing, not of what was asked.
func passing(err error) bool {
	switch errs.KindOf(err) {
	case errs.Conflict, errs.AlreadyExists, errs.Unavailable, errs.Timeout:
		return true
	}
	return false
}

func (r *rollout) edit(rs *appsv1.ReplicaSet) *appsv1.ReplicaSet {
	if rs == r.created {
		return rs
	}
	if r.edits == nil {
		r.edits = map[*appsv1.ReplicaSet]*appsv1.ReplicaSet{}
	}
	if r.edits[rs] == nil {
		r.edits[rs] = rs.DeepCopy()
	}
	return r.edits[rs]
}

// size is a ReplicaSet's planned size.
func (r *rollout) size(rs *appsv1.ReplicaSet) int32 {
	if e := r.edits[rs]; e != nil {
		return specReplicas(e)
	}
	return specReplicas(rs)
}

// resize plans a size, and says whether that changes it.
func (r *rollout) resize(rs *appsv1.ReplicaSet, size int32) bool {
	changes := r.size(rs) != size
	if !changes && !sizesDiffer(rs, r.d) {
		return false
	}
	e := r.edit(rs)
	e.Spec.Replicas = &size
	setSizes(e, r.d)
	return changes
}

// all are the old ReplicaSets and the new.
func (r *rollout) all() []*appsv1.ReplicaSet {
	if r.latest == nil {
		return r.old
	}
	return append(slices.Clone(r.old), r.latest)
}

func (r *rollout) total(sets []*appsv1.ReplicaSet) (n int32) {
	for _, rs := range sets {
		n += r.size(rs)
	}
	return n
}

// commands are what the turn came to.
func (r *rollout) commands() []*commandv1.Command {
	out := r.claims
	if r.created != nil {
		c := command.Create(setKey(r.created), r.created, fmt.Sprintf("created for revision %s", r.created.Annotations[Revision]))
		c.Detail = step("create", r.created, 0)
		out = append(out, c)
	}
	for _, rs := range r.all() {
		e := r.edits[rs]
		if e == nil {
			continue
		}
		name, reason := "annotate", "annotated for "+r.d.Name
		if from, to := specReplicas(rs), specReplicas(e); from != to {
			name, reason = "scale", fmt.Sprintf("scaled from %d to %d", from, to)
		}
		c := command.Update(setKey(rs), "", e, reason)
		c.Detail = step(name, e, specReplicas(rs))
		out = append(out, c)
	}
	for _, rs := range r.removed {
		c := command.Delete(setKey(rs), string(rs.UID), "beyond the revision history limit")
		c.Detail = step("clean-up", rs, 0)
		out = append(out, c)
	}
	if c := r.statusCommand(); c != nil {
		out = append(out, c)
	}
	return out
}

func step(name string, rs *appsv1.ReplicaSet, from int32) *commandv1.Command_Rollout {
	return &commandv1.Command_Rollout{Rollout: &eventv1.Rollout{
		Step: name, Revision: rs.Annotations[Revision], FromReplicas: from, ToReplicas: specReplicas(rs),
	}}
}

func key(d *appsv1.Deployment) subject.Object { return keyOf(d.Namespace, d.Name) }
