package deployment

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
)

// scale brings the ReplicaSets to the Deployment's size without rolling on: the only active one
// takes it all; a finished rollout's old ones go; in the middle of a rolling update
// each keeps its share.
func (r *rollout) scale() {
	if only := r.activeOrLatest(); only != nil {
		r.resize(only, replicas(r.d))
		return
	}
	if r.latest == nil && len(r.old) == 0 {
		return
	}
	if saturated(r.d, r.latest) {
		for _, rs := range r.old {
			if isActive(rs) {
				r.resize(rs, 0)
			}
		}
		return
	}
	if rolling(r.d) {
		r.scaleInProportion()
	}
}

// activeOrLatest is the only active ReplicaSet or, if none is active, the newest; nil if several are.
func (r *rollout) activeOrLatest() *appsv1.ReplicaSet {
	active := slices.DeleteFunc(slices.Clone(r.all()), func(rs *appsv1.ReplicaSet) bool { return !isActive(rs) })
	switch {
	case len(active) == 1:
		return active[0]
	case len(active) > 1:
		return nil
	case r.latest != nil:
		return r.latest
	case len(r.old) > 0:
		return r.old[len(r.old)-1]
	}
	return nil
}

func saturated(d *appsv1.Deployment, rs *appsv1.ReplicaSet) bool {
	return rs != nil && annotatedInt(rs, DesiredReplicas) == replicas(d) &&
		specReplicas(rs) == replicas(d) && rs.Status.AvailableReplicas == replicas(d)
}

func (r *rollout) scaleInProportion() {
	active := slices.DeleteFunc(slices.Clone(r.all()), func(rs *appsv1.ReplicaSet) bool { return !isActive(rs) })
	var allowed int32
	if replicas(r.d) > 0 {
		allowed = replicas(r.d) + maxSurge(r.d)
	}
	change := allowed - r.total(active)
	bySize(active, change > 0)
	shares := make([]int32, len(active))
	left := change
	for i, rs := range active {
		switch {
		case left > 0:
			shares[i] = min(fraction(r.d, rs), left)
		case left < 0:
			shares[i] = max(fraction(r.d, rs), left)
		}
		left -= shares[i]
	}
	for i, rs := range active {
		size := specReplicas(rs) + shares[i]
		if i == 0 {
			size += left // what rounding left over is the largest one's
		}
		r.resize(rs, max(0, size))
	}
}
