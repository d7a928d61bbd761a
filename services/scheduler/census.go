package scheduler

import (
	"strconv"
	"strings"
)

// maxCensuses bounds how many censuses are kept up to date at once.
const maxCensuses = 512

// census counts, per node, the pods that all of its terms cover. It is kept up to date by
// every pod's coming and going while it is in use.
type census struct {
	key    string
	terms  []term
	living bool // leaves terminating pods out
	counts []int32
	total  int64
	used   uint64
}

func (c *census) covers(s *State, r *resident) bool {
	if c.living && r.terminating {
		return false
	}
	for i := range c.terms {
		if !c.terms[i].covers(s, r.namespace, r.labels) {
			return false
		}
	}
	return true
}

// census is the count of the pods that all terms cover; it is taken once and then
// kept. The least recently used goes when there are too many.
func (s *State) census(terms []term, living bool) *census {
	var b strings.Builder
	b.WriteString(strconv.FormatBool(living))
	for i := range terms {
		b.WriteByte(';')
		b.WriteString(terms[i].scope())
	}
	key := b.String()
	s.tick++
	if c := s.censuses[key]; c != nil {
		c.used = s.tick
		return c
	}
	if len(s.censuses) >= maxCensuses {
		s.forgetCensus()
	}
	c := &census{key: key, terms: terms, living: living, counts: make([]int32, len(s.slots)), used: s.tick}
	for _, r := range s.candidatesOf(terms) {
		if c.covers(s, r) {
			c.counts[r.node.slot]++
			c.total++
		}
	}
	s.censuses[key] = c
	return c
}

// candidatesOf are the residents that terms may cover: one namespace's where the first
// term names just one.
func (s *State) candidatesOf(terms []term) map[string]*resident {
	if t := &terms[0]; t.anywhere == nil && len(t.namespaces) == 1 {
		return s.byNamespace[t.namespaces[0]]
	}
	all := make(map[string]*resident, len(s.residents))
	for namespace, residents := range s.byNamespace {
		for name, r := range residents {
			all[namespace+"/"+name] = r
		}
	}
	return all
}

func (s *State) forgetCensus() {
	var oldest *census
	for _, c := range s.censuses {
		if oldest == nil || c.used < oldest.used {
			oldest = c
		}
	}
	delete(s.censuses, oldest.key)
}

// count adds a resident to (1) or takes it from (-1) every census that covers it.
func (s *State) count(r *resident, sign int32) {
	for _, c := range s.censuses {
		if c.covers(s, r) {
			c.counts[r.node.slot] += sign
			c.total += int64(sign)
		}
	}
}

// recount drops what depends on the labels of namespaces.
func (s *State) recount() {
	for key, c := range s.censuses {
		for i := range c.terms {
			if c.terms[i].anywhere != nil {
				delete(s.censuses, key)
				break
			}
		}
	}
	s.groupings++
}
