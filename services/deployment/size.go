package deployment

import (
	"cmp"
	"math"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// The annotations of a Deployment's ReplicaSets; Revision is the Deployment's too.
const (
	Revision        = "deployment.kubernetes.io/revision"
	RevisionHistory = "deployment.kubernetes.io/revision-history"
	DesiredReplicas = "deployment.kubernetes.io/desired-replicas"
	MaxReplicas     = "deployment.kubernetes.io/max-replicas"
)

func replicas(d *appsv1.Deployment) int32 {
	if d.Spec.Replicas == nil {
		return 1
	}
	return *d.Spec.Replicas
}

func specReplicas(rs *appsv1.ReplicaSet) int32 {
	if rs.Spec.Replicas == nil {
		return 1
	}
	return *rs.Spec.Replicas
}

func rolling(d *appsv1.Deployment) bool {
	return d.Spec.Strategy.Type == appsv1.RollingUpdateDeploymentStrategyType && d.Spec.Strategy.RollingUpdate != nil
}

// fenceposts are maxSurge (rounded up) and maxUnavailable (rounded down) in pods. Were both
// zero nothing could move, so then one pod may be unavailable.
func fenceposts(d *appsv1.Deployment) (surge, unavailable int32) {
	if !rolling(d) {
		return 0, 0
	}
	total := int(replicas(d))
	u := d.Spec.Strategy.RollingUpdate
	s, err := intstr.GetScaledValueFromIntOrPercent(intstr.ValueOrDefault(u.MaxSurge, intstr.FromInt32(0)), total, true)
	if err != nil {
		s = 0
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(intstr.ValueOrDefault(u.MaxUnavailable, intstr.FromInt32(0)), total, false)
	if err != nil {
		n = 0
	}
	if s == 0 && n == 0 {
		n = 1
	}
	return int32(s), int32(n)
}

func maxSurge(d *appsv1.Deployment) int32 {
	surge, _ := fenceposts(d)
	return surge
}

func maxUnavailable(d *appsv1.Deployment) int32 {
	if replicas(d) == 0 {
		return 0
	}
	_, unavailable := fenceposts(d)
	return min(unavailable, replicas(d))
}

// newSize is how large the new ReplicaSet, now of size have, may be when all have total pods.
func newSize(d *appsv1.Deployment, have, total int32) int32 {
	if !rolling(d) {
		return replicas(d)
	}
	room := replicas(d) + maxSurge(d) - total
	if room <= 0 {
		return have
	}
	return have + min(room, replicas(d)-have)
}

// fraction is by how much a ReplicaSet changes to keep its share when the
// Deployment's size changes.
func fraction(d *appsv1.Deployment, rs *appsv1.ReplicaSet) int32 {
	have := specReplicas(rs)
	if replicas(d) == 0 {
		return -have
	}
	before := annotatedInt(rs, MaxReplicas)
	if before == 0 {
		before = d.Status.Replicas
	}
	if before == 0 {
		return 0
	}
	share := float64(have) * float64(replicas(d)+maxSurge(d)) / float64(before)
	return int32(math.Round(share)) - have
}

func annotatedInt(rs *appsv1.ReplicaSet, annotation string) int32 {
	n, err := strconv.ParseInt(rs.Annotations[annotation], 10, 32)
	if err != nil {
		return 0
	}
	return int32(n)
}

// setSizes notes in a ReplicaSet's annotations the Deployment's size that it was scaled for,
// and says whether they said otherwise.
func setSizes(rs *appsv1.ReplicaSet, d *appsv1.Deployment) {
	if rs.Annotations == nil {
		rs.Annotations = map[string]string{}
	}
	rs.Annotations[DesiredReplicas], rs.Annotations[MaxReplicas] = sizes(d)
}

func sizes(d *appsv1.Deployment) (desired, most string) {
	return strconv.Itoa(int(replicas(d))), strconv.Itoa(int(replicas(d) + maxSurge(d)))
}

func sizesDiffer(rs *appsv1.ReplicaSet, d *appsv1.Deployment) bool {
	desired, most := sizes(d)
	return rs.Annotations[DesiredReplicas] != desired || rs.Annotations[MaxReplicas] != most
}

func byCreation(a, b *appsv1.ReplicaSet) int {
	return cmp.Or(a.CreationTimestamp.Time.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
}

func byRevision(a, b *appsv1.ReplicaSet) int {
	return cmp.Or(cmp.Compare(revisionOf(a), revisionOf(b)), byCreation(a, b))
}

// bySize sorts the larger first, and of equals the newer or the older.
func bySize(sets []*appsv1.ReplicaSet, newerFirst bool) {
	slices.SortFunc(sets, func(a, b *appsv1.ReplicaSet) int {
		tie := byCreation(a, b)
		if newerFirst {
			tie = -tie
		}
		return cmp.Or(cmp.Compare(specReplicas(b), specReplicas(a)), tie)
	})
}

func isActive(rs *appsv1.ReplicaSet) bool { return rs != nil && specReplicas(rs) > 0 }
