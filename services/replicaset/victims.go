package replicaset

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// victims are the n pods that are missed least, of pods. onNode is how many pods of the same
// application each node runs.
func victims(pods []*corev1.Pod, n int, onNode map[string]int, now time.Time) []*corev1.Pod {
	if n >= len(pods) {
		return pods
	}
	ranked := slices.Clone(pods)
	slices.SortStableFunc(ranked, func(a, b *corev1.Pod) int { return lessMissed(a, b, onNode, now) })
	return ranked[:n]
}

// lessMissed orders pods by how little they would be missed: the unassigned, the pending, those not
// ready, the cheap, the doubled up on a node, those ready for a shorter time, the often restarted
// and the young first. Times are told apart by their magnitude only, so that victims spread.
func lessMissed(a, b *corev1.Pod, onNode map[string]int, now time.Time) int {
	if c := cmp.Compare(boolInt(a.Spec.NodeName != ""), boolInt(b.Spec.NodeName != "")); c != 0 {
		return c
	}
	if c := cmp.Compare(phaseRank(a), phaseRank(b)); c != 0 {
		return c
	}
	readyA, isA := readySince(a)
	readyB, isB := readySince(b)
	if c := cmp.Compare(boolInt(isA), boolInt(isB)); c != 0 {
		return c
	}
	if c := cmp.Compare(deletionCost(a), deletionCost(b)); c != 0 {
		return c
	}
	if c := cmp.Compare(onNode[b.Spec.NodeName], onNode[a.Spec.NodeName]); c != 0 {
		return c
	}
	if isA && !readyA.Equal(readyB) {
		if c := cmp.Or(cmp.Compare(magnitude(readyA, now), magnitude(readyB, now)), cmp.Compare(a.UID, b.UID)); c != 0 {
			return c
		}
	}
	if c := compareRestarts(a, b); c != 0 {
		return c
	}
	createdA, createdB := a.CreationTimestamp.Time, b.CreationTimestamp.Time
	if !createdA.Equal(createdB) {
		return cmp.Or(cmp.Compare(magnitude(createdA, now), magnitude(createdB, now)), cmp.Compare(a.UID, b.UID))
	}
	return cmp.Compare(a.UID, b.UID)
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func phaseRank(p *corev1.Pod) int {
	switch p.Status.Phase {
	case corev1.PodUnknown:
		return 1
	case corev1.PodRunning:
		return 2
	}
	return 0
}

// deletionCost is the pod's annotation; 0 if it is absent or no number.
func deletionCost(p *corev1.Pod) int32 {
	cost, err := strconv.ParseInt(p.Annotations[corev1.PodDeletionCost], 10, 32)
	if err != nil {
		return 0
	}
	return int32(cost)
}

// magnitude is the binary order of an age; an unknown time counts as just now.
func magnitude(t, now time.Time) int64 {
	if age := now.Sub(t); age > 0 && !t.IsZero() {
		return int64(math.Log2(float64(age)))
	}
	return -1
}

func compareRestarts(a, b *corev1.Pod) int {
	regularA, sidecarsA := restarts(a)
	regularB, sidecarsB := restarts(b)
	return cmp.Or(cmp.Compare(regularB, regularA), cmp.Compare(sidecarsB, sidecarsA))
}

// restarts are the most restarts of any regular container and of any sidecar.
func restarts(p *corev1.Pod) (regular, sidecars int32) {
	for i := range p.Status.ContainerStatuses {
		regular = max(regular, p.Status.ContainerStatuses[i].RestartCount)
	}
	always := map[string]bool{}
	for i := range p.Spec.InitContainers {
		c := &p.Spec.InitContainers[i]
		always[c.Name] = c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
	}
	for i := range p.Status.InitContainerStatuses {
		if c := &p.Status.InitContainerStatuses[i]; always[c.Name] {
			sidecars = max(sidecars, c.RestartCount)
		}
	}
	return regular, sidecars
}
