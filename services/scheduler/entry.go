package scheduler

import (
	"math"

	corev1 "k8s.io/api/core/v1"
	scheduling "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/klog/v2"
)

// entry is what a class thinks of one node by itself, as of versions of the node.
type entry struct {
	static, usage, pictures uint64

	// byObject and bySums are the filters' refusals.
	byObject, bySums []string
	// lasting: no pod's going would change the refusal.
	lasting             bool
	selected, tolerated bool

	// Scores: out of 100, but preferred and averse, which are brought to 100 among the
	// nodes that fit.
	free, balanced, pulled int64
	preferred, averse      int64
}

func (e *entry) fits() bool { return e.byObject == nil && e.bySums == nil }

// judge brings an entry up to date.
func (c *class) judge(s *State, n *node, e *entry) {
	if e.static != n.static {
		c.judgeObject(n, e)
	}
	if e.usage != n.usage {
		e.usage = n.usage
		e.bySums = nil
		for i := 0; i < len(usageFilters) && e.bySums == nil; i++ {
			e.bySums = usageFilters[i].explain(c, n)
		}
		e.lasting = e.byObject != nil || e.bySums != nil && c.neverFits(n)
		e.free, e.balanced = c.scoreFree(n), c.scoreBalance(n)
	}
	if e.pictures != s.pictures+1 {
		e.pictures = s.pictures + 1
		e.pulled = c.scoreImages(s, n)
	}
}

func (c *class) judgeObject(n *node, e *entry) {
	e.static = n.static
	e.usage = 0
	e.byObject = nil
	e.selected, e.tolerated = c.selects(n), c.toleratesAll(n)
	for i := range staticFilters {
		if e.byObject = staticFilters[i].explain(c, n); e.byObject != nil {
			break
		}
	}
	e.preferred = 0
	if c.preferred != nil {
		e.preferred = c.preferred.Score(n.object)
	}
	e.averse = 0
	for i := range n.object.Spec.Taints {
		taint := &n.object.Spec.Taints[i]
		if taint.Effect == corev1.TaintEffectPreferNoSchedule && !scheduling.TolerationsTolerateTaint(klog.Logger{}, c.tolerations, taint, true) {
			e.averse++
		}
	}
}

// scoreFree favours the node with the larger share of CPU and memory left.
func (c *class) scoreFree(n *node) int64 {
	left := func(used, all int64) int64 {
		if all == 0 || used > all {
			return 0
		}
		return (all - used) * 100 / all
	}
	return (left(n.scoredCPU+c.demand.scoredCPU, n.allocatable.cpu) + left(n.scoredMemory+c.demand.scoredMemory, n.allocatable.memory)) / 2
}

// scoreBalance favours the node whose CPU and memory are used to the same degree.
func (c *class) scoreBalance(n *node) int64 {
	if c.bestEffort || n.allocatable.cpu == 0 || n.allocatable.memory == 0 {
		return 0
	}
	cpu := min(1, float64(n.used.cpu+c.demand.cpu)/float64(n.allocatable.cpu))
	memory := min(1, float64(n.used.memory+c.demand.memory)/float64(n.allocatable.memory))
	return int64((1 - math.Abs(cpu-memory)/2) * 100)
}

// Image sizes between which the score grows, per container.
const (
	smallImages = 23 << 20
	largeImages = 1000 << 20
)

// scoreImages favours nodes that have the images already, the more so the more
// nodes have them: a single node would otherwise draw all pods.
func (c *class) scoreImages(s *State, n *node) int64 {
	var sum int64
	for _, image := range c.images {
		if size, ok := n.images[image]; ok {
			sum += int64(float64(size) * float64(s.imageNodes[image]) / float64(len(s.nodes)))
		}
	}
	most := int64(largeImages) * int64(max(1, len(c.images)))
	sum = min(max(sum, smallImages), most)
	return 100 * (sum - smallImages) / (most - smallImages)
}
