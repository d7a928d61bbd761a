package scheduler

import "k8s.io/apimachinery/pkg/labels"

const (
	refusedJoin  = "node(s) didn't match pod affinity rules"
	refusedAvoid = "node(s) didn't match pod anti-affinity rules"
	refusedRepel = "node(s) didn't satisfy existing pods anti-affinity rules"
)

// domains is one term made ready for one decision: how many pods it counts in each domain.
type domains struct {
	axis   *axis
	counts []int32
	weight int64
}

func (d *domains) at(slot int) int32 {
	value := d.axis.values[slot]
	if value < 0 {
		return 0
	}
	return d.counts[value]
}

func (s *State) domainsOf(topology string, counts []int32, weight int64) domains {
	a := s.axis(topology)
	return domains{axis: a, counts: a.sum(nil, counts, nil), weight: weight}
}

// company is all required affinity of one decision.
type company struct {
	join, avoid, repel []domains
	// first: nobody yet is what the pod wants to join, and it is that itself, so it
	// may begin anywhere.
	first bool
}

func (s *State) companyOf(c *class) company {
	s.regroup(c)
	var out company
	if len(c.join) > 0 {
		census := s.census(c.join, false)
		for i := range c.join {
			out.join = append(out.join, s.domainsOf(c.join[i].topology, census.counts, 0))
		}
		out.first = s.begins(c, out.join)
	}
	for i := range c.avoid {
		census := s.census(c.avoid[i:i+1], false)
		out.avoid = append(out.avoid, s.domainsOf(c.avoid[i].topology, census.counts, 0))
	}
	for _, g := range c.repelling {
		out.repel = append(out.repel, s.domainsOf(g.term.topology, g.counts, 0))
	}
	return out
}

// begins says whether no domain has the company a pod wants and the pod itself would be such.
func (s *State) begins(c *class, join []domains) bool {
	for i := range join {
		for _, count := range join[i].counts {
			if count > 0 {
				return false
			}
		}
	}
	for i := range c.join {
		if !c.join[i].covers(s, c.namespace, labels.Set(c.labels)) {
			return false
		}
	}
	return true
}

// regroup refreshes which running pods' terms speak of the class.
func (s *State) regroup(c *class) {
	if c.grouping != s.groupings {
		c.grouping = s.groupings
		c.repelling, c.pulling = s.towards(c.namespace, labels.Set(c.labels))
	}
}

// refuse says why the company on a node is wrong for the pod; "" if it is not. lasting is
// whether other pods' going could not change that.
func (y *company) refuse(slot int) (why string, lasting bool) {
	for i := range y.join {
		d := &y.join[i]
		if d.axis.values[slot] < 0 || !y.first && d.at(slot) == 0 {
			return refusedJoin, true
		}
	}
	for i := range y.avoid {
		if y.avoid[i].at(slot) > 0 {
			return refusedAvoid, false
		}
	}
	for i := range y.repel {
		if y.repel[i].at(slot) > 0 {
			return refusedRepel, false
		}
	}
	return "", false
}

// scoreCompany scores the nodes that fit by the preferred affinity of the pod and of
// the pods that run: 0 to 100.
func (s *State) scoreCompany(c *class, fit []int32, into []int64) []int64 {
	into = sized(into, len(fit))
	if len(c.attract) == 0 && len(c.pulling) == 0 {
		return into
	}
	all := make([]domains, 0, len(c.attract)+len(c.pulling))
	for i := range c.attract {
		all = append(all, s.domainsOf(c.attract[i].topology, s.census(c.attract[i:i+1], false).counts, c.attract[i].weight))
	}
	for _, g := range c.pulling {
		all = append(all, s.domainsOf(g.term.topology, g.counts, g.term.weight))
	}
	lowest, highest := int64(0), int64(0)
	for i, slot := range fit {
		for k := range all {
			into[i] += int64(all[k].at(int(slot))) * all[k].weight
		}
		if i == 0 {
			lowest, highest = into[i], into[i]
		}
		lowest, highest = min(lowest, into[i]), max(highest, into[i])
	}
	for i := range into {
		if highest == lowest {
			into[i] = 0
			continue
		}
		into[i] = 100 * (into[i] - lowest) / (highest - lowest)
	}
	return into
}
