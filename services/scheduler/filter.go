package scheduler

import (
	corev1 "k8s.io/api/core/v1"
	scheduling "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/klog/v2"
)

// filter is one rule about a class and a node by itself. Rules about where other pods
// are, are spread's and affinity's.
type filter struct {
	name string
	// explain says why the node cannot take the class's pods; nil if it can.
	explain func(c *class, n *node) []string
}

var (
	refusedUnschedulable = []string{"node(s) were unschedulable"}
	refusedTaint         = []string{"node(s) had untolerated taint(s)"}
	refusedAffinity      = []string{"node(s) didn't match Pod's node affinity/selector"}
	refusedPorts         = []string{"node(s) didn't have free ports for the requested pod ports"}
	unschedulable        = corev1.Taint{Key: corev1.TaintNodeUnschedulable, Effect: corev1.TaintEffectNoSchedule}
)

// staticFilters depend on the node's object, usageFilters on its sums too.
var (
	staticFilters = []filter{
		{"NodeUnschedulable", explainUnschedulable},
		{"TaintToleration", explainTaints},
		{"NodeAffinity", explainAffinity},
	}
	usageFilters = []filter{
		{"NodePorts", explainPorts},
		{"NodeResourcesFit", explainResources},
	}
)

func explainUnschedulable(c *class, n *node) []string {
	if !n.object.Spec.Unschedulable || scheduling.TolerationsTolerateTaint(klog.Logger{}, c.tolerations, &unschedulable, true) {
		return nil
	}
	return refusedUnschedulable
}

func explainTaints(c *class, n *node) []string {
	if !c.toleratesAll(n) {
		return refusedTaint
	}
	return nil
}

func (c *class) toleratesAll(n *node) bool {
	for i := range n.object.Spec.Taints {
		taint := &n.object.Spec.Taints[i]
		if taint.Effect != corev1.TaintEffectPreferNoSchedule && !scheduling.TolerationsTolerateTaint(klog.Logger{}, c.tolerations, taint, true) {
			return false
		}
	}
	return true
}

func explainAffinity(c *class, n *node) []string {
	if !c.selects(n) {
		return refusedAffinity
	}
	return nil
}

func (c *class) selects(n *node) bool {
	ok, err := c.affinity.Match(n.object)
	return ok && err == nil
}

func explainPorts(c *class, n *node) []string {
	for _, want := range c.demand.ports {
		for have := range n.ports {
			if want.clashes(have) {
				return refusedPorts
			}
		}
	}
	return nil
}

func explainResources(c *class, n *node) []string {
	var why []string
	if n.pods+1 > n.maxPods {
		why = append(why, "Too many pods")
	}
	lacks := func(name string, want, used, all int64) {
		if want > 0 && want > all-used {
			why = append(why, "Insufficient "+name)
		}
	}
	lacks("cpu", c.demand.cpu, n.used.cpu, n.allocatable.cpu)
	lacks("memory", c.demand.memory, n.used.memory, n.allocatable.memory)
	lacks("ephemeral-storage", c.demand.storage, n.used.storage, n.allocatable.storage)
	for name, want := range c.demand.extended {
		lacks(string(name), want, n.used.extended[name], n.allocatable.extended[name])
	}
	return why
}

// neverFits says whether even the empty node is too small.
func (c *class) neverFits(n *node) bool {
	d := &c.demand
	if n.maxPods < 1 || d.cpu > n.allocatable.cpu || d.memory > n.allocatable.memory || d.storage > n.allocatable.storage {
		return true
	}
	for name, want := range d.extended {
		if want > n.allocatable.extended[name] {
			return true
		}
	}
	return false
}
