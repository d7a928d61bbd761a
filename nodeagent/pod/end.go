package pod

import (
	"fmt"
	"time"
)

const defaultGrace = 30 * time.Second

// grace is how long the pod's containers may take to end.
func (s *State) grace() time.Duration {
	if s.evicted {
		return time.Second
	}
	if s.Removed {
		return s.specGrace()
	}
	if g := s.Pod.DeletionGracePeriodSeconds; g != nil && s.Pod.DeletionTimestamp != nil {
		return time.Duration(max(*g, 1)) * time.Second // 0 is a pod that must go at once; its processes get a second
	}
	return s.specGrace()
}

func (s *State) specGrace() time.Duration {
	if g := s.Pod.Spec.TerminationGracePeriodSeconds; g != nil {
		return time.Duration(max(*g, 1)) * time.Second
	}
	return defaultGrace
}

// shorten brings last signals forward when the pod is deleted again with less grace.
func (s *State) shorten(now time.Time) {
	due := s.ending.Add(s.grace())
	if due.Before(now) {
		due = now
	}
	for _, c := range s.containers {
		if c.stopping != "" && due.Before(c.due) {
			c.due = due
		}
	}
}

// end takes the pod down, for good: containers, then what they stood on, then the object.
func (s *State) end(p *plan) {
	if !s.stopAll(p, s.ending.Add(s.grace())) {
		return
	}
	s.concludePhase()
	s.clear(p)
	if !s.down || !s.unmounted {
		return
	}
	if !s.swept {
		p.do(Action{Verb: Sweep})
		return
	}
	if s.Removed {
		s.finished = true
		return
	}
	p.do(Action{Verb: Finish})
}

// settle is for a pod whose phase is final: what still runs is stopped, and what it held given back.
// Ended containers stay, for their logs, until the pod is deleted.
func (s *State) settle(p *plan) {
	if s.stopAll(p, time.Time{}) {
		s.clear(p)
	}
}

// clear gives the network, the namespaces and the volumes back.
func (s *State) clear(p *plan) {
	if s.making() {
		return
	}
	if !s.down {
		p.do(Action{Verb: Down})
	}
	if !s.unmounted {
		p.do(Action{Verb: Unmount})
	}
}

// making says whether something is being made that would outlive its removal.
func (s *State) making() bool {
	for _, v := range []Verb{Mount, Sandbox, Network} {
		if s.busy[Action{Verb: v}.key()] {
			return true
		}
	}
	for _, c := range s.containers {
		for _, v := range []Verb{Create, Start, Pull} {
			if v != Pull && s.busy[Action{Verb: v, Container: c.spec.Name}.key()] {
				return true
			}
		}
	}
	return false
}

// stopAll stops what runs, the app containers first, then sidecars in reverse order; true
// when nothing runs.
func (s *State) stopAll(p *plan, due time.Time) bool {
	if s.making() {
		return false
	}
	stopped := true
	for _, c := range s.containers {
		if c.kind != Sidecar {
			stopped = s.stopOne(p, c, due) && stopped
		}
	}
	for i := len(s.containers) - 1; i >= 0; i-- {
		if c := s.containers[i]; c.kind == Sidecar && stopped {
			stopped = s.stopOne(p, c, due)
		}
	}
	return stopped
}

func (s *State) stopOne(p *plan, c *container, due time.Time) bool {
	switch c.phase {
	case created:
		// Its process never began; it goes with the sweep.
		c.phase, c.exit, c.finishedAt = exited, Exit{ID: c.id, Code: 137, Message: "the container was not started"}, p.now
		c.waiting, c.message = "", ""
		return true
	case running:
		if c.stopping == "" {
			grace := s.grace()
			if !due.IsZero() {
				grace = max(due.Sub(p.now), 0)
				if c.kind == Sidecar {
					grace = max(grace, 2*time.Second)
				}
			}
			s.beginStop(c, p.now, grace, fmt.Sprintf("Stopping container %s", c.spec.Name))
		}
		s.stop(p, c)
		return false
	}
	return true
}

func (s *State) beginStop(c *container, now time.Time, grace time.Duration, event string) {
	c.stopping, c.due = event, now.Add(grace)
	s.note(c.spec.Name, "Killing", event)
}

// stop takes a stopping container one step: the hook, the signal, the last signal. Whether it still serves
// is asked meanwhile.
func (s *State) stop(p *plan, c *container) {
	s.probe(p, c)
	a := Action{Container: c.spec.Name, ID: c.id}
	if !p.now.Before(c.due) {
		if !c.killed {
			a.Verb, a.Kill = Signal, true
			p.do(a)
		}
		return
	}
	p.at(c.due)
	switch {
	case !c.hooked && c.spec.Lifecycle != nil && c.spec.Lifecycle.PreStop != nil:
		a.Verb, a.Within = PreStop, c.due.Sub(p.now)
		p.do(a)
	case c.asked.IsZero():
		a.Verb = Signal
		p.do(a)
	}
}
