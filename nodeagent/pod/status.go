package pod

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Status is the pod's status as the node sees it; what others own in it stays as the API has it.
func (s *State) Status(now time.Time) corev1.PodStatus {
	st := *s.Pod.Status.DeepCopy()
	st.Phase, st.Reason, st.Message = s.phase(), s.reason, s.message
	if (st.Phase == corev1.PodSucceeded || st.Phase == corev1.PodFailed) && !s.idle() {
		// A phase is final, for all who read it, only once nothing runs.
		st.Phase, st.Reason, st.Message = corev1.PodPending, "", ""
		if s.initDone {
			st.Phase = corev1.PodRunning
		}
	}
	st.StartTime, st.ObservedGeneration = &metav1.Time{Time: s.startedAt.Truncate(time.Second)}, s.Pod.Generation
	if st.QOSClass == "" {
		st.QOSClass = QOS(s.Pod)
	}
	st.HostIP, st.HostIPs, st.PodIP, st.PodIPs = "", nil, "", nil
	st.ContainerStatuses, st.InitContainerStatuses, st.EphemeralContainerStatuses = nil, nil, nil
	for i, ip := range s.hostIPs {
		if i == 0 {
			st.HostIP = ip
		}
		st.HostIPs = append(st.HostIPs, corev1.HostIP{IP: ip})
	}
	for i, ip := range s.ips {
		if i == 0 {
			st.PodIP = ip
		}
		st.PodIPs = append(st.PodIPs, corev1.PodIP{IP: ip})
	}
	for _, c := range s.containers {
		if s.rejected() {
			break
		}
		cs := s.containerStatus(c)
		switch c.kind {
		case App:
			st.ContainerStatuses = append(st.ContainerStatuses, cs)
		case Init, Sidecar:
			st.InitContainerStatuses = append(st.InitContainerStatuses, cs)
		case Ephemeral:
			st.EphemeralContainerStatuses = append(st.EphemeralContainerStatuses, cs)
		}
	}
	st.Conditions = s.readiness(st.Phase, now)
	for _, c := range s.Pod.Status.Conditions {
		if !slices.ContainsFunc(st.Conditions, func(own corev1.PodCondition) bool { return own.Type == c.Type }) {
			st.Conditions = append(st.Conditions, c)
		}
	}
	return st
}

func (s *State) containerStatus(c *container) corev1.ContainerStatus {
	if c.phase == none && c.last == nil && s.terminal {
		if known := s.told(c.spec.Name); known != nil {
			return *known // its container is no longer here
		}
	}
	started := c.phase == running && c.started && c.posted
	cs := corev1.ContainerStatus{Name: c.spec.Name, Image: c.spec.Image, ImageID: c.imageID, RestartCount: c.attempt, Started: &started}
	id := c.id
	if id == "" {
		id = c.old
	}
	if id != "" {
		cs.ContainerID = "containerd://" + id
	}
	if c.last != nil {
		cs.LastTerminationState.Terminated = c.last
	}
	switch {
	case c.phase == running:
		cs.State.Running = &corev1.ContainerStateRunning{StartedAt: metav1.Time{Time: c.startedAt.Truncate(time.Second)}}
		cs.Ready = started && c.ready
		if c.kind == Init || c.kind == Ephemeral {
			cs.Ready = false
		}
	case c.phase == exited && c.waiting != "":
		t := s.terminated(c)
		cs.LastTerminationState.Terminated = &t
		cs.State.Waiting = &corev1.ContainerStateWaiting{Reason: c.waiting, Message: c.message}
	case c.phase == exited:
		t := s.terminated(c)
		cs.State.Terminated = &t
		cs.Ready = c.kind == Init && t.ExitCode == 0
	case c.phase == none && c.last != nil && c.waiting == "":
		cs.State.Terminated, cs.RestartCount = c.last, c.attempt-1
		cs.LastTerminationState.Terminated = c.prior
	case c.waiting != "":
		if c.phase == none && c.attempt > 0 {
			cs.RestartCount--
		}
		cs.State.Waiting = &corev1.ContainerStateWaiting{Reason: c.waiting, Message: c.message}
	case len(s.Pod.Spec.InitContainers) > 0 && !s.initDone:
		cs.State.Waiting = &corev1.ContainerStateWaiting{Reason: "PodInitializing"}
	default:
		cs.State.Waiting = &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}
	}
	return cs
}

func (s *State) terminated(c *container) corev1.ContainerStateTerminated {
	t := corev1.ContainerStateTerminated{
		ExitCode: c.exit.Code, Signal: 0, Message: c.exit.Message, ContainerID: "containerd://" + c.id,
		FinishedAt: metav1.Time{Time: c.finishedAt.Truncate(time.Second)},
	}
	if !c.startedAt.IsZero() {
		t.StartedAt = metav1.Time{Time: c.startedAt.Truncate(time.Second)}
	}
	switch {
	case c.exit.Lost:
		t.Reason = "ContainerStatusUnknown"
	case c.exit.OOM:
		t.Reason = "OOMKilled"
	case c.exit.Code == 128 && c.startedAt.IsZero():
		t.Reason = "StartError"
	case c.exit.Code == 0:
		t.Reason = "Completed"
	default:
		t.Reason = "Error"
	}
	return t
}

// concludePhase makes an end final that no restart follows.
func (s *State) concludePhase() {
	if p := s.phase(); p == corev1.PodSucceeded || p == corev1.PodFailed {
		s.terminal = true
		if s.reason == "" {
			s.conclude = p
		}
	}
}

// phase follows kubelet's rules.
func (s *State) phase() corev1.PodPhase {
	switch {
	case s.conclude != "":
		return s.conclude
	case s.terminal && s.reason != "":
		return corev1.PodFailed
	case s.terminal && (s.Pod.Status.Phase == corev1.PodSucceeded || s.Pod.Status.Phase == corev1.PodFailed):
		return s.Pod.Status.Phase
	}
	var runs, stopped, succeeded, restarting, waits int
	for _, c := range s.containers {
		switch {
		case c.kind == Ephemeral:
			continue
		case c.kind == Init && !s.initDone:
			if c.phase == exited && c.exit.Code != 0 && !s.restarts(c) {
				return corev1.PodFailed
			}
			continue
		case c.kind != App:
			continue
		case c.phase == running:
			runs++
		case c.phase == exited:
			stopped++
			if c.exit.Code == 0 {
				succeeded++
			}
			if s.restarts(c) {
				restarting++
			}
		case c.last != nil:
			stopped, restarting = stopped+1, restarting+1
		default:
			waits++
		}
	}
	ending := !s.ending.IsZero()
	switch {
	case waits > 0 || !s.initDone:
		if ending && runs == 0 && s.idle() {
			return corev1.PodFailed
		}
		return corev1.PodPending
	case runs > 0:
		return corev1.PodRunning
	case restarting > 0 && (!ending || s.sidecarRuns()):
		// Sidecars alone don't matter: the machine stops them once every app container has ended for good.
		return corev1.PodRunning
	case stopped == succeeded:
		return corev1.PodSucceeded
	}
	return corev1.PodFailed
}

// idle says that no container runs.
func (s *State) idle() bool {
	for _, c := range s.containers {
		if c.phase == running || c.phase == created {
			return false
		}
	}
	return true
}

func (s *State) sidecarRuns() bool {
	for _, c := range s.containers {
		if c.kind == Sidecar && c.phase == running {
			return true
		}
	}
	return false
}

// owned are the conditions that the node tells.
var owned = []corev1.PodConditionType{corev1.PodReadyToStartContainers, corev1.PodInitialized, corev1.PodReady, corev1.ContainersReady}

// Owns says whether the node tells the condition.
func Owns(t corev1.PodConditionType) bool { return slices.Contains(owned, t) }

// readiness are the conditions that the node owns.
func (s *State) readiness(phase corev1.PodPhase, now time.Time) []corev1.PodCondition {
	set := func(t corev1.PodConditionType, ok bool, reason, message string) {
		c := corev1.PodCondition{Type: t, Status: corev1.ConditionFalse, Reason: reason, Message: message, ObservedGeneration: s.Pod.Generation}
		if ok {
			c.Status = corev1.ConditionTrue
			if t != corev1.PodInitialized || reason != "PodCompleted" {
				c.Reason, c.Message = "", ""
			}
		}
		c.LastTransitionTime = metav1.Time{Time: now.Truncate(time.Second)}
		if old, ok := s.conditions[t]; ok && old.Status == c.Status {
			c.LastTransitionTime = old.LastTransitionTime
		}
		s.conditions[t] = c
	}
	var unready, uninitialized []string
	for _, c := range s.containers {
		cs := s.containerStatus(c)
		switch {
		case c.kind == App && !cs.Ready, c.kind == Sidecar && !cs.Ready:
			unready = append(unready, c.spec.Name)
		case c.kind == Init && !s.initDone && !cs.Ready:
			uninitialized = append(uninitialized, c.spec.Name)
		}
		if c.kind == Sidecar && !s.initDone && (cs.Started == nil || !*cs.Started) {
			uninitialized = append(uninitialized, c.spec.Name)
		}
	}
	set(corev1.PodReadyToStartContainers, s.sandbox && s.network, "", "")
	switch {
	case phase == corev1.PodSucceeded:
		set(corev1.PodInitialized, true, "PodCompleted", "")
		set(corev1.PodReady, false, "PodCompleted", "")
		set(corev1.ContainersReady, false, "PodCompleted", "")
	case phase == corev1.PodFailed:
		set(corev1.PodInitialized, s.initDone, "PodFailed", "")
		set(corev1.PodReady, false, "PodFailed", "")
		set(corev1.ContainersReady, false, "PodFailed", "")
	default:
		set(corev1.PodInitialized, len(uninitialized) == 0, "ContainersNotInitialized", list("containers with incomplete status", uninitialized))
		message := list("containers with unready status", unready)
		set(corev1.ContainersReady, len(unready) == 0, "ContainersNotReady", message)
		if gates := s.gates(); len(unready) == 0 && gates != "" {
			set(corev1.PodReady, false, "ReadinessGatesNotReady", gates)
		} else {
			set(corev1.PodReady, len(unready) == 0, "ContainersNotReady", message)
		}
	}
	var out []corev1.PodCondition
	for _, t := range owned {
		out = append(out, s.conditions[t])
	}
	return out
}

func list(what string, names []string) string {
	return fmt.Sprintf("%s: [%s]", what, strings.Join(names, " "))
}

// gates explains the readiness gates that are not open; "" if all are.
func (s *State) gates() string {
	var missing []string
	for _, g := range s.Pod.Spec.ReadinessGates {
		status := corev1.ConditionStatus("")
		for _, c := range s.Pod.Status.Conditions {
			if c.Type == g.ConditionType {
				status = c.Status
			}
		}
		switch status {
		case corev1.ConditionTrue:
		case "":
			missing = append(missing, fmt.Sprintf("corresponding condition of pod readiness gate %q does not exist.", g.ConditionType))
		default:
			missing = append(missing, fmt.Sprintf("the status of pod readiness gate %q is not \"True\", but %s", g.ConditionType, status))
		}
	}
	return strings.Join(missing, ", ")
}
