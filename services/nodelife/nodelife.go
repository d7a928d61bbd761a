package nodelife

import (
	"net/netip"
	"time"

	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
)

// Name is the service's.
const Name = "nodelife"

// Config is what the service goes by.
type Config struct {
	// Pods is the range of all pod addresses; zero is 10.42.0.0/16.
	Pods netip.Prefix
	// PerNode is the length of a node's prefix of it; 0 is 24, or 120 for IPv6.
	PerNode int
	// Silence is how long a node may not be heard of before it counts as
	// unreachable; 0 is 40 s. A node that has never been heard of has half as long again.
	Silence time.Duration
}

func (c Config) complete() Config {
	if !c.Pods.IsValid() {
		c.Pods = netip.MustParsePrefix("10.42.0.0/16")
	}
	if c.PerNode == 0 {
		c.PerNode = 24
		if c.Pods.Addr().Is6() {
			c.PerNode = 120
		}
	}
	if c.Silence == 0 {
		c.Silence = 40 * time.Second
	}
	return c
}

// New makes the service.
func New(c Config) *process.Controller {
	s := newState(c.complete())
	return &process.Controller{
		Spec: process.Spec{
			Name:  Name,
			Reads: []subject.Resource{subject.Nodes, subject.Pods, subject.CoordinationLeases, subject.CoreEvents},
			Writes: []process.Field{
				{Resource: subject.Nodes, Path: "spec.podCIDR"},
				{Resource: subject.Nodes, Path: "spec.podCIDRs"},
				{Resource: subject.Nodes, Path: "spec.taints"},
				{Resource: subject.Nodes, Path: "status.conditions[Ready]"},
				{Resource: subject.Nodes, Path: "status.conditions[MemoryPressure]"},
				{Resource: subject.Nodes, Path: "status.conditions[DiskPressure]"},
				{Resource: subject.Nodes, Path: "status.conditions[PIDPressure]"},
				{Resource: subject.Pods, Path: "status.conditions[DisruptionTarget]"},
				{Resource: subject.Pods, Path: "status.conditions[Ready]"},
				{Resource: subject.Pods, Path: "*"},
				{Resource: subject.CoreEvents, Path: "*"},
			},
		},
		State:  s,
		Decide: s.decide,
	}
}
