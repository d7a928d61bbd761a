package pod

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// ProbeKind is which of a container's probes.
type ProbeKind string

// The kinds.
const (
	Startup   ProbeKind = "startup"
	Liveness  ProbeKind = "liveness"
	Readiness ProbeKind = "readiness"
)

var probeTitles = map[ProbeKind]string{Startup: "Startup", Liveness: "Liveness", Readiness: "Readiness"}

// probe is where one probe stands.
type probe struct {
	next      time.Time
	good, bad int32
}

// ProbeOf is the container's probe of that kind; nil if it has none.
func ProbeOf(c *corev1.Container, k ProbeKind) *corev1.Probe {
	switch k {
	case Startup:
		return c.StartupProbe
	case Liveness:
		return c.LivenessProbe
	}
	return c.ReadinessProbe
}

func seconds(n, otherwise int32) time.Duration {
	if n <= 0 {
		n = otherwise
	}
	return time.Duration(n) * time.Second
}

// probe runs the container's probes that are due. Before the startup probe has succeeded no other runs.
func (s *State) probe(p *plan, c *container) {
	if c.kind == Init || c.kind == Ephemeral {
		return
	}
	kinds := []ProbeKind{Liveness, Readiness}
	if c.stopping != "" {
		kinds = kinds[1:]
	}
	if !c.started && c.stopping == "" {
		if c.spec.StartupProbe != nil {
			kinds = []ProbeKind{Startup}
		} else {
			c.started = true
		}
	}
	if c.started && c.spec.ReadinessProbe == nil {
		c.ready = true
	}
	for _, k := range kinds {
		spec := ProbeOf(c.spec, k)
		if spec == nil {
			continue
		}
		st := c.probes[k]
		if st == nil {
			st = &probe{next: c.startedAt.Add(time.Duration(spec.InitialDelaySeconds) * time.Second)}
			c.probes[k] = st
		}
		if p.now.Before(st.next) {
			p.at(st.next)
			continue
		}
		p.do(Action{Verb: Probe, Container: c.spec.Name, ID: c.id, Probe: k, Within: seconds(spec.TimeoutSeconds, 1)})
	}
}

// probed takes a probe's result.
func (s *State) probed(c *container, k ProbeKind, r Result, now time.Time) {
	spec, st := ProbeOf(c.spec, k), c.probes[k]
	if spec == nil || st == nil || c.phase != running {
		return
	}
	st.next = now.Add(seconds(spec.PeriodSeconds, 10))
	if r.Err == "" {
		st.good, st.bad = st.good+1, 0
		if st.good >= max(spec.SuccessThreshold, 1) {
			switch k {
			case Startup:
				c.started = true
			case Readiness:
				c.ready = true
			}
		}
		return
	}
	st.good, st.bad = 0, st.bad+1
	s.warn(c.spec.Name, "Unhealthy", fmt.Sprintf("%s probe failed: %s", probeTitles[k], r.Err))
	threshold := spec.FailureThreshold
	if threshold <= 0 {
		threshold = 3
	}
	if st.bad < threshold {
		return
	}
	if k == Readiness {
		c.ready = false
		return
	}
	if c.stopping == "" {
		grace := s.specGrace()
		if g := spec.TerminationGracePeriodSeconds; g != nil {
			grace = time.Duration(max(*g, 1)) * time.Second
		}
		s.beginStop(c, now, grace, fmt.Sprintf("Container %s failed %s probe, will be restarted", c.spec.Name, k))
	}
}
