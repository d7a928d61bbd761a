package scheduler

import (
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// group is one affinity term that running pods hold towards others, with how many of
// its holders are on each node.
type group struct {
	key  string
	term term
	// repels: no pod that the term covers may join a holder's domain. Otherwise the
	// term's weight counts for or against it.
	repels  bool
	counts  []int32
	holders int
}

// requiredPull is what a running pod's required affinity is worth to a pod it covers.
const requiredPull = 1

// holds are the terms that a pod holds towards others once it runs.
func holds(pod *corev1.Pod) []group {
	if pod.Spec.Affinity == nil {
		return nil
	}
	var out []group
	add := func(t *corev1.PodAffinityTerm, weight int64, repels bool) {
		read := termOf(t, pod.Namespace, pod.Labels, weight)
		key := strconv.FormatBool(repels) + strconv.FormatInt(weight, 10) + "|" + read.topology + "|" + read.scope()
		out = append(out, group{key: key, term: read, repels: repels})
	}
	if a := pod.Spec.Affinity.PodAntiAffinity; a != nil {
		for i := range a.RequiredDuringSchedulingIgnoredDuringExecution {
			add(&a.RequiredDuringSchedulingIgnoredDuringExecution[i], 0, true)
		}
		for i := range a.PreferredDuringSchedulingIgnoredDuringExecution {
			w := &a.PreferredDuringSchedulingIgnoredDuringExecution[i]
			add(&w.PodAffinityTerm, -int64(w.Weight), false)
		}
	}
	if a := pod.Spec.Affinity.PodAffinity; a != nil {
		for i := range a.RequiredDuringSchedulingIgnoredDuringExecution {
			add(&a.RequiredDuringSchedulingIgnoredDuringExecution[i], requiredPull, false)
		}
		for i := range a.PreferredDuringSchedulingIgnoredDuringExecution {
			w := &a.PreferredDuringSchedulingIgnoredDuringExecution[i]
			add(&w.PodAffinityTerm, int64(w.Weight), false)
		}
	}
	return out
}

func sameHold(a, b group) bool { return a.key == b.key }

// join counts a holder's terms on its node.
func (s *State) join(r *resident) {
	for i := range r.holds {
		h := &r.holds[i]
		g := s.groups[h.key]
		if g == nil {
			g = &group{key: h.key, term: h.term, repels: h.repels, counts: make([]int32, len(s.slots))}
			s.groups[h.key] = g
			s.groupings++
		}
		g.counts[r.node.slot]++
		g.holders++
	}
}

func (s *State) part(r *resident) {
	for i := range r.holds {
		g := s.groups[r.holds[i].key]
		g.counts[r.node.slot]--
		if g.holders--; g.holders == 0 {
			delete(s.groups, g.key)
			s.groupings++
		}
	}
}

// towards are the groups whose terms cover a pod, in a fixed order.
func (s *State) towards(namespace string, set labels.Labels) (repelling, pulling []*group) {
	for _, g := range s.groups {
		if !g.term.covers(s, namespace, set) {
			continue
		}
		if g.repels {
			repelling = append(repelling, g)
		} else {
			pulling = append(pulling, g)
		}
	}
	order := func(a, b *group) int {
		if a.key < b.key {
			return -1
		}
		return 1
	}
	slices.SortFunc(repelling, order)
	slices.SortFunc(pulling, order)
	return repelling, pulling
}
