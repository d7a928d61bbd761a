package pod

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Done takes the result of an action that Next began.
func (s *State) Done(a Action, r Result, now time.Time) {
	delete(s.busy, a.key())
	if c := s.byName[a.Container]; c != nil {
		s.containerDone(c, a, r, now)
		return
	}
	if r.Err != "" {
		s.failed(a, r, now)
		return
	}
	delete(s.trouble, a.key())
	switch a.Verb {
	case Mount:
		s.mounted = true
	case Sandbox:
		s.sandbox = true
	case Network:
		s.network, s.ips = true, r.IPs
	case Down:
		s.down, s.sandbox, s.network = true, false, false
	case Unmount:
		s.unmounted, s.mounted = true, false
	case Sweep:
		s.swept = true
	case Finish:
		s.finished = true
	}
}

// failed has a pod's own action tried again, soon at first.
func (s *State) failed(a Action, r Result, now time.Time) {
	b := s.trouble[a.key()]
	if b == nil {
		b = &backoff{}
		s.trouble[a.key()] = b
	}
	b.fail(now, 500*time.Millisecond, 2*time.Minute)
	if b.err == r.Err {
		return // told already
	}
	b.err = r.Err
	switch a.Verb {
	case Mount:
		s.warn("", "FailedMount", r.Err)
	case Sandbox, Network:
		s.warn("", "FailedCreatePodSandBox", "Failed to create pod sandbox: "+r.Err)
	case Down, Sweep:
		s.warn("", "FailedKillPod", "error killing pod: "+r.Err)
	}
}

// Retry forgets the waits after failures that a change outside may have mended: a config map that appeared.
func (s *State) Retry() {
	for _, b := range s.trouble {
		b.until = time.Time{}
	}
}

func (s *State) containerDone(c *container, a Action, r Result, now time.Time) {
	name := c.spec.Name
	stale := a.ID != "" && a.ID != c.id && a.Verb != Create
	switch a.Verb {
	case Pull:
		s.pulled(c, r, now)
	case Create:
		if r.Err != "" {
			s.notCreated(c, a, r, now)
			return
		}
		delete(s.trouble, a.key())
		c.id, c.phase = a.ID, created
		if c.waiting != "CrashLoopBackOff" {
			c.waiting, c.message = "", ""
		}
		s.note(name, "Created", "Container created")
	case Start:
		if stale || c.phase != created {
			return
		}
		if r.Err != "" {
			s.notStarted(c, r, now)
			return
		}
		c.phase, c.startedAt, c.waiting, c.message = running, now, "", ""
		c.posted = c.spec.Lifecycle == nil || c.spec.Lifecycle.PostStart == nil
		c.started = c.spec.StartupProbe == nil
		c.ready = c.started && c.spec.ReadinessProbe == nil
		s.note(name, "Started", "Container started")
	case Post:
		if stale {
			return
		}
		c.posted = true
		if r.Err != "" && c.phase == running {
			s.warn(name, "FailedPostStartHook", "PostStartHook failed")
			s.beginStop(c, now, s.specGrace(), "FailedPostStartHook")
		}
	case Probe:
		if !stale {
			s.probed(c, a.Probe, r, now)
		}
	case PreStop:
		c.hooked = true
		if r.Err != "" {
			s.warn(name, "FailedPreStopHook", "PreStopHook failed")
		}
	case Signal:
		s.signalled(c, a, r, stale, now)
	case Forget:
		c.forgotten = a.Attempt + 1
	}
}

func (s *State) signalled(c *container, a Action, r Result, stale bool, now time.Time) {
	if stale {
		return
	}
	if r.Err != "" {
		b := s.trouble[a.key()]
		if b == nil {
			b = &backoff{}
			s.trouble[a.key()] = b
		}
		b.fail(now, 500*time.Millisecond, 10*time.Second)
		return
	}
	if a.Kill {
		c.killed = true
	}
	if c.asked.IsZero() {
		c.asked = now
		// After a hook that took all the grace there are two seconds more, as kubelet gives.
		if least := now.Add(2 * time.Second); c.hooked && c.due.Before(least) && !a.Kill {
			c.due = least
		}
	}
}

func (s *State) pulled(c *container, r Result, now time.Time) {
	name := c.spec.Name
	if r.Err == "" {
		c.pulled, c.imageID, c.pull = true, r.ImageID, backoff{}
		if c.waiting != "CrashLoopBackOff" {
			c.waiting, c.message = "", ""
		}
		if r.Present {
			s.note(name, "Pulled", fmt.Sprintf("Container image %q already present on machine", c.spec.Image))
		} else {
			s.note(name, "Pulled", fmt.Sprintf("Successfully pulled image %q in %s (%s including waiting). Image size: %d bytes.",
				c.spec.Image, r.Took.Round(time.Millisecond), r.Took.Round(time.Millisecond), r.Bytes))
		}
		return
	}
	c.pull.fail(now, firstDelay, longest)
	c.pull.err = r.Err
	c.waiting, c.message = "ErrImagePull", r.Err
	if r.Reason != "" {
		c.waiting = r.Reason
		switch r.Reason {
		case "ErrImageNeverPull":
			s.warn(name, "ErrImageNeverPull", r.Err)
		case "InvalidImageName":
			s.warn(name, "InspectFailed", r.Err)
		}
		s.warn(name, "Failed", "Error: "+r.Reason)
		return
	}
	s.warn(name, "Failed", fmt.Sprintf("Failed to pull image %q: %s", c.spec.Image, r.Err))
	s.warn(name, "Failed", "Error: ErrImagePull")
}

func (s *State) notCreated(c *container, a Action, r Result, now time.Time) {
	if r.Reason == StartError {
		c.id = a.ID
		s.notStarted(c, r, now)
		return
	}
	b := s.trouble[a.key()]
	if b == nil {
		b = &backoff{}
		s.trouble[a.key()] = b
	}
	b.fail(now, time.Second, longest)
	c.waiting, c.message = "CreateContainerError", r.Err
	if r.Reason != "" {
		c.waiting = r.Reason
	}
	if b.err != r.Err {
		b.err = r.Err
		s.warn(c.spec.Name, "Failed", "Error: "+r.Err)
	}
}

// StartError, as a Create's reason, says that the container's process could not begin: what it is told to
// run isn't there.
const StartError = "StartError"

// notStarted is an attempt that ended before it began: a command that isn't there.
func (s *State) notStarted(c *container, r Result, now time.Time) {
	s.warn(c.spec.Name, "Failed", "Error: "+r.Err)
	c.phase, c.startedAt, c.finishedAt = exited, time.Time{}, now
	c.exit = Exit{ID: c.id, Code: 128, Message: r.Err, At: now}
	c.waiting, c.message = "", ""
	c.crash.crashed(0, now)
}

// Exit takes the end of a container's process. One that isn't the pod's current, or is known, is ignored.
func (s *State) Exit(e Exit, now time.Time) {
	for _, c := range s.containers {
		if c.id != e.ID || c.phase == exited || c.phase == none {
			continue
		}
		if e.At.IsZero() {
			e.At = now
		}
		if c.phase == created {
			c.startedAt = e.At // it ended before its start was told
			s.note(c.spec.Name, "Started", "Container started")
		}
		c.phase, c.exit, c.finishedAt = exited, e, e.At
		c.ready, c.started = false, false
		c.waiting, c.message = "", ""
		c.crash.crashed(e.At.Sub(c.startedAt), e.At)
		return
	}
}

// Adopted is a container that an earlier agent left.
type Adopted struct {
	Name, ID, ImageID string
	Attempt           int32
	Created, Running  bool
	StartedAt         time.Time
	Exit              Exit
}

// Adopt takes over what an earlier agent made; a container's attempts come oldest first. What the
// API already knew of the same container (that it was ready) stays true until a probe says otherwise.
func (s *State) Adopt(list []Adopted, now time.Time) {
	for _, a := range list {
		c := s.byName[a.Name]
		if c == nil {
			continue
		}
		if c.id != "" {
			s.Exit(Exit{ID: c.id, Code: 255}, now)
			s.again(c)
		}
		c.id, c.attempt, c.imageID, c.pulled = a.ID, a.Attempt, a.ImageID, true
		c.startedAt, c.phase = a.StartedAt, created
		known := s.known(a.Name, a.ID)
		if known != nil && known.State.Running != nil {
			c.startedAt = known.State.Running.StartedAt.Time
		}
		switch {
		case a.Running:
			c.phase, c.posted = running, true
			c.started = c.spec.StartupProbe == nil || known != nil && known.Started != nil && *known.Started
			c.ready = c.started && (c.spec.ReadinessProbe == nil || known != nil && known.Ready)
		case !a.Created:
			if known != nil && known.State.Terminated != nil {
				c.startedAt = known.State.Terminated.StartedAt.Time
			}
			c.phase, c.exit, c.finishedAt = exited, a.Exit, a.Exit.At
			c.crash.crashed(a.Exit.At.Sub(c.startedAt), a.Exit.At)
		}
	}
	s.lost(now)
}

// lost takes what the API tells of containers that are no longer here, after a reboot or when the runtime's
// data was removed: what had ended has ended, what ran has ended unseen.
func (s *State) lost(now time.Time) {
	for _, c := range s.containers {
		t := s.told(c.spec.Name)
		if c.phase != none || c.attempt > 0 || t == nil || t.ContainerID == "" || s.terminal {
			continue
		}
		c.id, c.attempt, c.imageID = strings.TrimPrefix(t.ContainerID, "containerd://"), t.RestartCount, t.ImageID
		c.phase, c.finishedAt = exited, now
		c.last = t.LastTerminationState.Terminated
		switch {
		case t.State.Terminated != nil:
			e := t.State.Terminated
			c.startedAt, c.finishedAt = e.StartedAt.Time, e.FinishedAt.Time
			c.exit = Exit{ID: c.id, Code: e.ExitCode, OOM: e.Reason == "OOMKilled", Message: e.Message, At: c.finishedAt}
		case t.State.Running != nil:
			c.startedAt = t.State.Running.StartedAt.Time
			c.exit = Exit{ID: c.id, Code: 137, Lost: true, Message: "The container could not be located when the pod was terminated", At: now}
		default: // it waited to be started again
			c.exit = Exit{ID: c.id, Code: 137, Lost: true, At: now}
		}
	}
}

// known is what the API has of a container, told what it has of the name.
func (s *State) known(name, id string) *corev1.ContainerStatus {
	if t := s.told(name); t != nil && t.ContainerID == "containerd://"+id {
		return t
	}
	return nil
}

func (s *State) told(name string) *corev1.ContainerStatus {
	st := &s.Pod.Status
	for _, list := range [][]corev1.ContainerStatus{st.ContainerStatuses, st.InitContainerStatuses, st.EphemeralContainerStatuses} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	return nil
}

// AdoptSandbox takes over namespaces and addresses that exist already.
func (s *State) AdoptSandbox(ips []string) {
	s.sandbox = true
	if len(ips) > 0 {
		s.network, s.ips = true, ips
	}
}
