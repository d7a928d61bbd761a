package replicaset

import (
	"cmp"
	"math"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/services/brief"
)

// victims are the n pods that are missed least, of pods. onNode is how many pods of the same
// application each node runs.
func victims(pods []*brief.Pod, n int, onNode map[string]int, now time.Time) []*brief.Pod {
	if n >= len(pods) {
		return pods
	}
	ranked := slices.Clone(pods)
	slices.SortStableFunc(ranked, func(a, b *brief.Pod) int { return lessMissed(a, b, onNode, now) })
	return ranked[:n]
}

// lessMissed orders pods by how little they would be missed: the unassigned, the pending, those not
// ready, the cheap, the doubled up on a node, those ready for a shorter time, the often restarted
// and the young first. Times are told apart by their magnitude only, so that victims spread.
func lessMissed(a, b *brief.Pod, onNode map[string]int, now time.Time) int {
	if c := cmp.Compare(boolInt(a.Node() != ""), boolInt(b.Node() != "")); c != 0 {
		return c
	}
	if c := cmp.Compare(phaseRank(a), phaseRank(b)); c != 0 {
		return c
	}
	if c := cmp.Compare(boolInt(a.Ready), boolInt(b.Ready)); c != 0 {
		return c
	}
	if c := cmp.Compare(a.DeletionCost, b.DeletionCost); c != 0 {
		return c
	}
	if c := cmp.Compare(onNode[b.Node()], onNode[a.Node()]); c != 0 {
		return c
	}
	if a.Ready && !a.ReadySince.Equal(b.ReadySince) {
		if c := cmp.Or(cmp.Compare(magnitude(a.ReadySince, now), magnitude(b.ReadySince, now)), cmp.Compare(a.UID, b.UID)); c != 0 {
			return c
		}
	}
	if c := cmp.Or(cmp.Compare(b.Restarts, a.Restarts), cmp.Compare(b.SidecarRestarts, a.SidecarRestarts)); c != 0 {
		return c
	}
	if !a.Created.Equal(b.Created) {
		return cmp.Or(cmp.Compare(magnitude(a.Created, now), magnitude(b.Created, now)), cmp.Compare(a.UID, b.UID))
	}
	return cmp.Compare(a.UID, b.UID)
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func phaseRank(p *brief.Pod) int {
	switch p.Phase {
	case corev1.PodUnknown:
		return 1
	case corev1.PodRunning:
		return 2
	}
	return 0
}

// magnitude is the binary order of an age; an unknown time counts as just now.
func magnitude(t, now time.Time) int64 {
	if age := now.Sub(t); age > 0 && !t.IsZero() {
		return int64(math.Log2(float64(age)))
	}
	return -1
}
