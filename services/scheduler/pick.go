package scheduler

import (
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

// How much each score counts.
const (
	weightTaints    = 3
	weightAffinity  = 2
	weightSpread    = 2
	weightCompany   = 2
	weightFree      = 1
	weightBalance   = 1
	weightImages    = 1
	explainedScores = 3
)

// scratch are buffers that decisions reuse.
type scratch struct {
	fit             []int32
	spread, company []int64
	sums, seen      []int32
	weighted        []float64
	known           []bool
}

// buffers are zeros and trues, one of each per node that fits.
func (b *scratch) buffers(size int) ([]float64, []bool) {
	if cap(b.weighted) < size {
		b.weighted, b.known = make([]float64, size, 2*size), make([]bool, size, 2*size)
	}
	b.weighted, b.known = b.weighted[:size], b.known[:size]
	clear(b.weighted)
	for i := range b.known {
		b.known[i] = true
	}
	return b.weighted, b.known
}

// verdict is the outcome of one decision.
type verdict struct {
	node       *node // nil if no node fits
	considered int
	feasible   int
	refused    map[string]int32
	lasting    int // nodes that no other pod's going would help
	// constrained: some refusal hung on where other pods are.
	constrained bool
	scores      []*eventv1.NodeScore
}

// pick finds the best node for a waiting pod.
func (s *State) pick(w *waiting) verdict {
	c := w.class
	s.heat(c)
	s.defaults(c)
	v := verdict{}
	fit := s.scratch.fit[:0]
	for slot, n := range s.slots {
		if n == nil || n.object == nil {
			continue
		}
		v.considered++
		e := &c.entries[slot]
		if e.static != n.static || e.usage != n.usage || e.pictures != s.pictures+1 {
			c.judge(s, n, e)
		}
		if e.fits() {
			fit = append(fit, int32(slot))
			continue
		}
		if e.byObject != nil {
			v.refuse(true, e.byObject...)
		} else {
			v.refuse(e.lasting, e.bySums...)
		}
	}
	fit = s.filterByOthers(c, fit, &v)
	s.scratch.fit = fit
	v.feasible = len(fit)
	if len(fit) > 0 {
		s.score(w, fit, &v)
	}
	return v
}

func (v *verdict) refuse(lasting bool, reasons ...string) {
	if lasting {
		v.lasting++
	}
	if v.refused == nil && len(reasons) > 0 {
		v.refused = map[string]int32{}
	}
	for _, reason := range reasons {
		v.refused[reason]++
	}
}

// filterByOthers keeps the nodes that suit the pod in view of the pods on all nodes.
func (s *State) filterByOthers(c *class, fit []int32, v *verdict) []int32 {
	s.regroup(c)
	if len(c.hard) == 0 && len(c.join) == 0 && len(c.avoid) == 0 && len(c.repelling) == 0 {
		return fit
	}
	skews, company := s.skews(c), s.companyOf(c)
	kept := fit[:0]
	for _, slot := range fit {
		why := refuseSkew(skews, int(slot))
		lasting := why == refusedSpreadLabel
		if why == "" {
			why, lasting = company.refuse(int(slot))
		}
		if why == "" {
			kept = append(kept, slot)
			continue
		}
		v.constrained = true
		v.refuse(lasting, why)
	}
	return kept
}

// score chooses among the nodes that fit: the highest total, equal ones by a hash of both
// names, so that it is the same each time and spread over nodes.
func (s *State) score(w *waiting, fit []int32, v *verdict) {
	c := w.class
	s.scratch.spread = s.scoreSpread(c, fit, s.scratch.spread)
	s.scratch.company = s.scoreCompany(c, fit, s.scratch.company)
	var preferred, averse int64
	for _, slot := range fit {
		preferred, averse = max(preferred, c.entries[slot].preferred), max(averse, c.entries[slot].averse)
	}
	var best [explainedScores]ranked
	found := 0
	for i, slot := range fit {
		r := ranked{slot: slot, at: i, total: s.total(&c.entries[slot], i, preferred, averse)}
		if found == explainedScores && r.total < best[found-1].total {
			continue
		}
		r.tie = mix(s.slots[slot].hash, w.hash)
		found = insert(best[:], found, r)
	}
	v.node = s.slots[best[0].slot]
	for _, r := range best[:found] {
		v.scores = append(v.scores, s.explain(c, r, preferred, averse))
	}
}

// ranked is a node with its total, at an index among those that fit.
type ranked struct {
	slot  int32
	at    int
	total int64
	tie   uint64
}

func (r ranked) beats(o ranked) bool {
	return r.total > o.total || r.total == o.total && r.tie > o.tie
}

// insert keeps best sorted and returns how many it holds.
func insert(best []ranked, found int, r ranked) int {
	at := found
	for at > 0 && r.beats(best[at-1]) {
		at--
	}
	if at == len(best) {
		return found
	}
	found = min(found+1, len(best))
	copy(best[at+1:found], best[at:found-1])
	best[at] = r
	return found
}

func (s *State) total(e *entry, at int, preferred, averse int64) int64 {
	return weightTaints*reversed(e.averse, averse) + weightAffinity*scaled(e.preferred, preferred) +
		weightSpread*s.scratch.spread[at] + weightCompany*s.scratch.company[at] +
		weightFree*e.free + weightBalance*e.balanced + weightImages*e.pulled
}

// scaled brings a value to 0..100 of the highest.
func scaled(value, highest int64) int64 {
	if highest == 0 {
		return 0
	}
	return 100 * value / highest
}

// reversed is 100 for none, 0 for the highest.
func reversed(value, highest int64) int64 {
	if highest == 0 {
		return 100
	}
	return 100 - 100*value/highest
}

func (s *State) explain(c *class, r ranked, preferred, averse int64) *eventv1.NodeScore {
	e := &c.entries[r.slot]
	parts := map[string]int64{
		"TaintToleration": weightTaints * reversed(e.averse, averse), "NodeResourcesLeastAllocated": weightFree * e.free,
		"NodeResourcesBalancedAllocation": weightBalance * e.balanced,
	}
	for name, value := range map[string]int64{
		"NodeAffinity": weightAffinity * scaled(e.preferred, preferred), "ImageLocality": weightImages * e.pulled,
		"PodTopologySpread": weightSpread * s.scratch.spread[r.at], "InterPodAffinity": weightCompany * s.scratch.company[r.at],
	} {
		if value != 0 {
			parts[name] = value
		}
	}
	return &eventv1.NodeScore{Node: s.slots[r.slot].name, Total: r.total, ByPlugin: parts}
}
