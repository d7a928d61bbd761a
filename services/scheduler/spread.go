package scheduler

import (
	"math"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// constraint is one topology spread constraint.
type constraint struct {
	topology   string
	maxSkew    int32
	minDomains int32
	terms      []term // the pods counted: one term
	self       int32  // 1 if the pod itself is counted
	// Nodes that count as domains: those the pod's affinity selects, those whose taints
	// it tolerates.
	selected, tolerated bool
}

func constraintsOf(pod *corev1.Pod) (hard, soft []constraint) {
	for i := range pod.Spec.TopologySpreadConstraints {
		t := &pod.Spec.TopologySpreadConstraints[i]
		c := newConstraint(pod, t.TopologyKey, t.MaxSkew, withKeys(selectorOf(t.LabelSelector), pod.Labels, t.MatchLabelKeys, nil))
		if t.MinDomains != nil {
			c.minDomains = *t.MinDomains
		}
		c.selected = t.NodeAffinityPolicy == nil || *t.NodeAffinityPolicy == corev1.NodeInclusionPolicyHonor
		c.tolerated = t.NodeTaintsPolicy != nil && *t.NodeTaintsPolicy == corev1.NodeInclusionPolicyHonor
		if t.WhenUnsatisfiable == corev1.DoNotSchedule {
			hard = append(hard, c)
		} else {
			soft = append(soft, c)
		}
	}
	return hard, soft
}

func newConstraint(pod *corev1.Pod, topology string, maxSkew int32, selector labels.Selector) constraint {
	c := constraint{topology: topology, maxSkew: maxSkew, minDomains: 1, selected: true}
	c.terms = []term{{topology: topology, namespaces: []string{pod.Namespace}, selector: selector}}
	if selector.Matches(labels.Set(pod.Labels)) {
		c.self = 1
	}
	return c
}

// defaults refreshes the constraints of a class without any: its service's or
// controller's pods spread over nodes and zones.
func (s *State) defaults(c *class) {
	if !c.byDefault || c.selection == s.selections[c.namespace] {
		return
	}
	c.selection = s.selections[c.namespace]
	c.soft = nil
	if like := s.likes(c.sample); like != nil {
		c.soft = []constraint{
			newConstraint(c.sample, corev1.LabelHostname, 3, like),
			newConstraint(c.sample, corev1.LabelTopologyZone, 5, like),
		}
	}
}

func (k *constraint) counts(e *entry) bool {
	return (!k.selected || e.selected) && (!k.tolerated || e.tolerated)
}

const (
	refusedSpread      = "node(s) didn't match pod topology spread constraints"
	refusedSpreadLabel = "node(s) didn't match pod topology spread constraints (missing required label)"
)

// skew is a hard constraint made ready for one decision.
type skew struct {
	*constraint
	axis   *axis
	counts []int32
	least  int32
}

// skews counts each hard constraint's pods per domain.
func (s *State) skews(c *class) []skew {
	out := make([]skew, len(c.hard))
	for i := range c.hard {
		out[i].constraint, out[i].axis = &c.hard[i], s.axis(c.hard[i].topology)
	}
	for i := range out {
		k := &out[i]
		census := s.census(k.terms, true)
		k.counts = make([]int32, len(k.axis.ids))
		present := make([]bool, len(k.axis.ids))
		for slot, n := range s.slots {
			if n == nil || n.object == nil || !everywhere(out, slot) || !k.constraint.counts(&c.entries[slot]) {
				continue
			}
			value := k.axis.values[slot]
			present[value] = true
			k.counts[value] += census.counts[slot]
		}
		k.least = leastOf(k.counts, present, k.minDomains)
	}
	return out
}

// everywhere says whether a node has the label of every constraint.
func everywhere(all []skew, slot int) bool {
	for i := range all {
		if all[i].axis.values[slot] < 0 {
			return false
		}
	}
	return true
}

func leastOf(counts []int32, present []bool, minDomains int32) int32 {
	least, domains := int32(math.MaxInt32), int32(0)
	for value, here := range present {
		if here {
			domains++
			least = min(least, counts[value])
		}
	}
	if domains < minDomains || domains == 0 {
		return 0
	}
	return least
}

func refuseSkew(all []skew, slot int) string {
	for i := range all {
		k := &all[i]
		value := k.axis.values[slot]
		if value < 0 {
			return refusedSpreadLabel
		}
		if k.counts[value]+k.self-k.least > k.maxSkew {
			return refusedSpread
		}
	}
	return ""
}

// scoreSpread scores the nodes that fit by how few of the pod's peers their domains
// have: 100 for the fewest.
func (s *State) scoreSpread(c *class, fit []int32, into []int64) []int64 {
	into = sized(into, len(fit))
	if len(c.soft) == 0 {
		return into
	}
	sums, known := s.scratch.buffers(len(fit))
	for i := range c.soft {
		s.addSpread(c, &c.soft[i], fit, sums, known)
	}
	lowest, highest := math.MaxFloat64, 0.0
	for i, sum := range sums {
		if known[i] {
			sums[i] = math.Round(sum)
			lowest, highest = min(lowest, sums[i]), max(highest, sums[i])
		}
	}
	for i, sum := range sums {
		switch {
		case !known[i]:
		case highest == 0:
			into[i] = 100
		default:
			into[i] = int64(100 * (highest + lowest - sum) / highest)
		}
	}
	return into
}

// addSpread adds one soft constraint's weighted count to each node's sum.
func (s *State) addSpread(c *class, k *constraint, fit []int32, sums []float64, known []bool) {
	a := s.axis(k.topology)
	census := s.census(k.terms, true)
	count := func(slot int) bool { return k.counts(&c.entries[slot]) }
	s.scratch.sums = a.sum(s.scratch.sums, census.counts, count)
	s.scratch.seen = zeroed(s.scratch.seen, len(a.ids))
	domains := 0
	for _, slot := range fit {
		if value := a.values[slot]; value >= 0 && s.scratch.seen[value] == 0 {
			s.scratch.seen[value] = 1
			domains++
		}
	}
	weight := math.Log(float64(domains + 2))
	for i, slot := range fit {
		value := a.values[slot]
		switch {
		case value >= 0:
			sums[i] += float64(s.scratch.sums[value])*weight + float64(k.maxSkew-1)
		case !c.byDefault:
			known[i] = false
		}
	}
}

func sized(buffer []int64, size int) []int64 {
	if cap(buffer) < size {
		return make([]int64, size, 2*size)
	}
	buffer = buffer[:size]
	clear(buffer)
	return buffer
}
