package pod

import (
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Next is what to begin now, all of it at once, and when to ask again if nothing happens before (zero:
// never). Each action is under way until Done is called with it.
func (s *State) Next(now time.Time) ([]Action, time.Time) {
	p := &plan{s: s, now: now}
	s.checkDeadline(p)
	switch {
	case s.finished:
	case !s.ending.IsZero():
		s.end(p)
	case s.terminal:
		s.settle(p)
	default:
		s.run(p)
	}
	return p.actions, p.wake
}

// plan collects one turn's actions.
type plan struct {
	s       *State
	now     time.Time
	actions []Action
	wake    time.Time
}

// do begins an action unless it is under way or has to wait after a failure.
func (p *plan) do(a Action) {
	k := a.key()
	if p.s.busy[k] {
		return
	}
	if b := p.s.trouble[k]; b != nil && b.waits(p.now) {
		p.at(b.until)
		return
	}
	p.s.busy[k] = true
	p.actions = append(p.actions, a)
}

// at asks for another turn at that time.
func (p *plan) at(t time.Time) {
	if !t.IsZero() && (p.wake.IsZero() || t.Before(p.wake)) {
		p.wake = t
	}
}

func (s *State) checkDeadline(p *plan) {
	limit := s.Pod.Spec.ActiveDeadlineSeconds
	if limit == nil || s.terminal || !s.ending.IsZero() {
		return
	}
	at := s.startedAt.Add(time.Duration(*limit) * time.Second)
	if p.now.Before(at) {
		p.at(at)
		return
	}
	s.fail("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")
	s.warn("", s.reason, s.message)
}

// fail makes the pod's end final; its containers are stopped.
func (s *State) fail(reason, message string) {
	s.terminal, s.reason, s.message = true, reason, message
}

// Fail ends the pod for a reason of the node's: its admission or an eviction.
func (s *State) Fail(reason, message string) {
	if !s.terminal {
		s.fail(reason, message)
	}
}

// run brings the pod up and keeps it up.
func (s *State) run(p *plan) {
	if !s.mounted {
		p.do(Action{Verb: Mount})
	}
	if !s.sandbox {
		p.do(Action{Verb: Sandbox})
	}
	if s.sandbox && !s.network {
		p.do(Action{Verb: Network})
	}
	initialized := s.runInit(p)
	for _, c := range s.containers {
		if c.kind == Ephemeral || c.kind == App && initialized {
			s.keep(p, c)
		}
		if c.old != "" && c.phase == running {
			s.forgetOlder(p, c)
		}
	}
	s.concludePhase()
	if s.terminal {
		s.settle(p)
	}
}

// runInit runs the init containers in order and says whether the app containers' turn has come.
func (s *State) runInit(p *plan) bool {
	if !s.initDone && s.anyAppStarted() {
		s.initDone = true // an earlier agent got that far
	}
	for _, c := range s.containers {
		switch c.kind {
		case Init:
			if s.initDone || c.phase == exited && c.exit.Code == 0 {
				continue
			}
			s.keep(p, c)
			return false
		case Sidecar:
			s.keep(p, c)
			if !s.initDone && !(c.phase == running && c.started && c.posted) {
				return false
			}
		}
	}
	s.initDone = true
	return true
}

func (s *State) anyAppStarted() bool {
	for _, c := range s.containers {
		if c.kind == App && (c.phase == running || c.phase == exited || c.last != nil) {
			return true
		}
	}
	return false
}

// keep takes one container a step toward running.
func (s *State) keep(p *plan, c *container) {
	switch c.phase {
	case none:
		if s.havePulled(p, c) && s.mounted && s.sandbox && (s.network || !needsAddress(c.spec)) {
			p.do(Action{Verb: Create, Container: c.spec.Name, ID: s.newID(c), Attempt: c.attempt})
		}
	case created:
		if s.network && s.mounted {
			p.do(Action{Verb: Start, Container: c.spec.Name, ID: c.id, Attempt: c.attempt})
		}
	case running:
		s.tend(p, c)
	case exited:
		if !s.restarts(c) {
			return
		}
		if c.crash.waits(p.now) {
			s.crashLoop(c)
			p.at(c.crash.until)
			return
		}
		s.again(c)
		s.keep(p, c)
	}
}

// again turns the ended attempt into the last one and begins the next.
func (s *State) again(c *container) {
	t := s.terminated(c)
	c.prior, c.last, c.old = c.last, &t, c.id
	c.attempt++
	c.id, c.phase, c.pulled = "", none, false
	c.started, c.ready, c.posted = false, false, false
	c.probes = map[ProbeKind]*probe{}
	c.stopping, c.hooked, c.killed, c.asked, c.due = "", false, false, time.Time{}, time.Time{}
	c.crash.restarted()
}

func (s *State) crashLoop(c *container) {
	if c.waiting != "CrashLoopBackOff" {
		s.warn(c.spec.Name, "BackOff", fmt.Sprintf("Back-off restarting failed container %s in pod %s", c.spec.Name, s.Address()))
	}
	c.waiting = "CrashLoopBackOff"
	c.message = fmt.Sprintf("back-off %s restarting failed container=%s pod=%s", c.crash.delay, c.spec.Name, s.Address())
}

func (s *State) havePulled(p *plan, c *container) bool {
	if c.pulled {
		return true
	}
	if c.pull.waits(p.now) {
		if c.waiting == "ErrImagePull" {
			c.waiting, c.message = "ImagePullBackOff", fmt.Sprintf("Back-off pulling image %q: ErrImagePull: %s", c.spec.Image, c.pull.err)
			s.note(c.spec.Name, "BackOff", fmt.Sprintf("Back-off pulling image %q", c.spec.Image))
			s.warn(c.spec.Name, "Failed", "Error: ImagePullBackOff")
		}
		p.at(c.pull.until)
		return false
	}
	p.do(Action{Verb: Pull, Container: c.spec.Name, Attempt: c.attempt})
	return false
}

// newID is unique for a container's attempt and the same after a crash. containerd's ids have
// at most 76 characters, so the name goes in as a digest.
func (s *State) newID(c *container) string { return s.idOf(c, c.attempt) }

func (s *State) idOf(c *container, attempt int32) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(c.spec.Name)) // never fails
	return fmt.Sprintf("%s-%08x-%d", s.Pod.UID, h.Sum32(), attempt)
}

// PodOf is the uid of the pod that a container's id is of.
func PodOf(id string) string {
	for range 2 {
		i := strings.LastIndexByte(id, '-')
		if i < 0 {
			return ""
		}
		id = id[:i]
	}
	return id
}

// tend looks after a running container: hooks, probes, and its stop if it has to be.
func (s *State) tend(p *plan, c *container) {
	if c.stopping != "" {
		s.stop(p, c)
		return
	}
	if !c.posted {
		p.do(Action{Verb: Post, Container: c.spec.Name, ID: c.id})
		return
	}
	s.probe(p, c)
}

// forgetOlder has the container of the attempt before the last removed: one is kept, for its log.
func (s *State) forgetOlder(p *plan, c *container) {
	if c.attempt < 2 {
		return
	}
	if c.forgotten < c.attempt-1 {
		p.do(Action{Verb: Forget, Container: c.spec.Name, ID: s.idOf(c, c.attempt-2), Attempt: c.attempt - 2})
	}
}

// needsAddress says whether the container's environment has the pod's addresses, which its process
// is made with; otherwise it is made while the network is set up.
func needsAddress(c *corev1.Container) bool {
	for _, e := range c.Env {
		if e.ValueFrom != nil && e.ValueFrom.FieldRef != nil {
			switch e.ValueFrom.FieldRef.FieldPath {
			case "status.podIP", "status.podIPs":
				return true
			}
		}
	}
	return false
}
