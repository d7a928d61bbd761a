package deployment

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"
)

// roll is a turn of a rolling update: the new grows as far as maxSurge lets it; if it
// did not, the old shrink as far as maxUnavailable lets them.
func (r *rollout) roll() {
	r.progress = true
	r.createNew()
	if r.latest == nil {
		return
	}
	if r.created == nil && r.growNew() {
		return
	}
	if r.shrinkOld() {
		return
	}
	if complete(r.d, &r.d.Status) {
		r.cleanUp()
	}
}

func (r *rollout) growNew() bool {
	have, want := r.size(r.latest), replicas(r.d)
	switch {
	case have == want:
		return false
	case have > want:
		return r.resize(r.latest, want)
	}
	return r.resize(r.latest, newSize(r.d, have, r.total(r.all())))
}

// shrinkOld first takes pods that are not available anyway, then available ones. What
// the new one lacks in availability is not taken from the old.
func (r *rollout) shrinkOld() bool {
	if r.total(r.old) == 0 {
		return false
	}
	least := replicas(r.d) - maxUnavailable(r.d)
	budget := r.total(r.all()) - least - (r.size(r.latest) - available(r.latest))
	if budget <= 0 {
		return false
	}
	shrunk := r.shrinkUnavailable(budget)
	return r.shrinkAvailable(least) || shrunk
}

// available is how many pods of a ReplicaSet are available at least. Its status may be late: after one
// change of its size those that fit are still there; after more, they may have been deleted meanwhile.
func available(rs *appsv1.ReplicaSet) int32 {
	if rs.Generation > rs.Status.ObservedGeneration+1 {
		return 0
	}
	return min(rs.Status.AvailableReplicas, specReplicas(rs))
}

func (r *rollout) shrinkUnavailable(budget int32) (shrunk bool) {
	for _, rs := range r.old {
		if have := r.size(rs); budget > 0 && have > rs.Status.AvailableReplicas {
			n := min(budget, have-rs.Status.AvailableReplicas)
			budget -= n
			shrunk = r.resize(rs, have-n) || shrunk
		}
	}
	return shrunk
}

func (r *rollout) shrinkAvailable(least int32) (shrunk bool) {
	budget := -least
	for _, rs := range r.all() {
		budget += available(rs)
	}
	for _, rs := range r.old {
		if have := r.size(rs); budget > 0 && have > 0 {
			n := min(budget, have)
			budget -= n
			shrunk = r.resize(rs, have-n) || shrunk
		}
	}
	return shrunk
}

// recreate is a turn of a recreation: nothing of the new until nothing of the old lives. living are
// the living pods by ReplicaSet.
func (r *rollout) recreate(living map[types.UID]map[string]struct{}) {
	r.progress = true
	shrunk := false
	for _, rs := range r.old {
		if r.size(rs) > 0 {
			shrunk = r.resize(rs, 0) || shrunk
		}
	}
	if shrunk {
		return
	}
	for _, rs := range r.old {
		if rs.Status.Replicas > 0 || len(living[rs.UID]) > 0 {
			return
		}
	}
	r.createNew()
	if r.latest == nil || (r.created == nil && r.resize(r.latest, replicas(r.d))) {
		return
	}
	if complete(r.d, &r.d.Status) {
		r.cleanUp()
	}
}

// resized says whether the Deployment's size changed since its ReplicaSets were scaled.
func (r *rollout) resized() bool {
	return slices.ContainsFunc(r.all(), func(rs *appsv1.ReplicaSet) bool {
		_, annotated := rs.Annotations[DesiredReplicas]
		return isActive(rs) && annotated && annotatedInt(rs, DesiredReplicas) != replicas(r.d)
	})
}

// cleanUp plans the removal of old, empty ReplicaSets beyond the history limit.
func (r *rollout) cleanUp() {
	if !limited(r.d) {
		return
	}
	alive := slices.DeleteFunc(slices.Clone(r.old), func(rs *appsv1.ReplicaSet) bool { return rs.DeletionTimestamp != nil })
	excess := len(alive) - int(*r.d.Spec.RevisionHistoryLimit)
	if excess <= 0 {
		return
	}
	slices.SortFunc(alive, byRevision)
	for _, rs := range alive[:excess] {
		if rs.Status.Replicas == 0 && specReplicas(rs) == 0 && rs.Generation <= rs.Status.ObservedGeneration && r.edits[rs] == nil {
			r.removed = append(r.removed, rs)
		}
	}
}
