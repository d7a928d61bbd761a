package scheduler

import (
	"slices"

	"taffrail.dev/events/subject"
)

// Feasible are the nodes that fit a waiting pod, sorted, and the one that is best.
func (s *State) Feasible(pod subject.Object) (names []string, best string) {
	v := s.pick(s.waiting[pod])
	for _, slot := range s.scratch.fit {
		names = append(names, s.slots[slot].name)
	}
	slices.Sort(names)
	if v.node != nil {
		best = v.node.name
	}
	return names, best
}

// Counts are the sizes of what must not grow without bound.
func (s *State) Counts() (residents, groups, waiting, nodes int) {
	return len(s.residents), len(s.groups), len(s.waiting), len(s.nodes)
}
