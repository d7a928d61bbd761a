package kind

import (
	"fmt"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
)

func podColumns() []Column {
	text := func(name string, priority int32, f func(*corev1.Pod) string) Column {
		return column(name, "string", priority, func(p *corev1.Pod, _ time.Time) any { return f(p) })
	}
	return []Column{
		text("Ready", 0, func(p *corev1.Pod) string {
			s := summarize(p)
			return strconv.Itoa(s.ready) + "/" + strconv.Itoa(s.total)
		}),
		text("Status", 0, func(p *corev1.Pod) string { return summarize(p).state }),
		column("Restarts", "string", 0, func(p *corev1.Pod, now time.Time) any {
			s := summarize(p)
			if s.restarts != 0 && !s.restarted.IsZero() {
				return fmt.Sprintf("%d (%s ago)", s.restarts, sinceTime(s.restarted, now))
			}
			return strconv.Itoa(s.restarts)
		}),
		ageColumn,
		text("IP", 1, func(p *corev1.Pod) string {
			if len(p.Status.PodIPs) > 0 {
				return orElse(p.Status.PodIPs[0].IP, "<none>")
			}
			return orElse(p.Status.PodIP, "<none>")
		}),
		text("Node", 1, func(p *corev1.Pod) string { return orElse(p.Spec.NodeName, "<none>") }),
		text("Nominated Node", 1, func(p *corev1.Pod) string { return orElse(p.Status.NominatedNodeName, "<none>") }),
		text("Readiness Gates", 1, readinessGates),
	}
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func readinessGates(p *corev1.Pod) string {
	if len(p.Spec.ReadinessGates) == 0 {
		return "<none>"
	}
	passed := 0
	for _, g := range p.Spec.ReadinessGates {
		if isPodCondition(p, g.ConditionType) {
			passed++
		}
	}
	return fmt.Sprintf("%d/%d", passed, len(p.Spec.ReadinessGates))
}

func isPodCondition(p *corev1.Pod, t corev1.PodConditionType) bool {
	for i := range p.Status.Conditions {
		if c := &p.Status.Conditions[i]; c.Type == t {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// podSummary is a pod in the few words of its table row.
type podSummary struct {
	state        string
	ready, total int
	restarts     int
	// restarted is when the latest restart began: when the last container before it ended.
	restarted time.Time
}

func (s *podSummary) restart(c *corev1.ContainerStatus) {
	s.restarts += int(c.RestartCount)
	if t := c.LastTerminationState.Terminated; t != nil && t.FinishedAt.After(s.restarted) {
		s.restarted = t.FinishedAt.Time
	}
}

func summarize(p *corev1.Pod) podSummary {
	s := podSummary{state: orElse(p.Status.Reason, string(p.Status.Phase)), total: len(p.Spec.Containers)}
	for i := range p.Status.Conditions {
		if c := &p.Status.Conditions[i]; c.Type == corev1.PodScheduled && c.Reason == corev1.PodReasonSchedulingGated {
			s.state = corev1.PodReasonSchedulingGated
		}
	}
	for i := range p.Spec.InitContainers {
		if isSidecar(&p.Spec.InitContainers[i]) {
			s.total++
		}
	}
	if sidecars, initializing := s.addInit(p); !initializing || isPodCondition(p, corev1.PodInitialized) {
		s.restarts, s.restarted = sidecars.restarts, sidecars.restarted
		s.addMain(p)
	}
	if p.DeletionTimestamp != nil {
		if p.Status.Reason == "NodeLost" {
			s.state = "Unknown"
		} else if !isTerminal(p) {
			s.state = "Terminating"
		}
	}
	return s
}

// addInit counts the init containers up to the one that has not done its work; it returns the
// counts of the sidecars among them alone, and whether there is such a one.
func (s *podSummary) addInit(p *corev1.Pod) (sidecars podSummary, initializing bool) {
	for i := range p.Status.InitContainerStatuses {
		c := &p.Status.InitContainerStatuses[i]
		sidecar := isSidecarNamed(p, c.Name)
		s.restart(c)
		if sidecar {
			sidecars.restart(c)
		}
		if t := c.State.Terminated; t != nil && t.ExitCode == 0 {
			continue
		}
		if sidecar && isTrue(c.Started) {
			if c.Ready {
				s.ready++
			}
			continue
		}
		s.state = initState(p, i, c)
		return sidecars, true
	}
	return sidecars, false
}

func initState(p *corev1.Pod, i int, c *corev1.ContainerStatus) string {
	if t := c.State.Terminated; t != nil {
		return "Init:" + endState(t)
	}
	if w := c.State.Waiting; w != nil && w.Reason != "" && w.Reason != "PodInitializing" {
		return "Init:" + w.Reason
	}
	return fmt.Sprintf("Init:%d/%d", i, len(p.Spec.InitContainers))
}

func endState(t *corev1.ContainerStateTerminated) string {
	switch {
	case t.Reason != "":
		return t.Reason
	case t.Signal != 0:
		return fmt.Sprintf("Signal:%d", t.Signal)
	}
	return fmt.Sprintf("ExitCode:%d", t.ExitCode)
}

// addMain counts the main containers; the first that is not simply running names the state.
func (s *podSummary) addMain(p *corev1.Pod) {
	running := false
	for i := len(p.Status.ContainerStatuses) - 1; i >= 0; i-- {
		c := &p.Status.ContainerStatuses[i]
		s.restart(c)
		switch {
		case c.State.Waiting != nil && c.State.Waiting.Reason != "":
			s.state = c.State.Waiting.Reason
		case c.State.Terminated != nil:
			s.state = endState(c.State.Terminated)
		case c.Ready && c.State.Running != nil:
			running = true
			s.ready++
		}
	}
	if s.state == "Completed" && running {
		if s.state = "NotReady"; isPodCondition(p, corev1.PodReady) {
			s.state = "Running"
		}
	}
}

func isSidecar(c *corev1.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
}

func isSidecarNamed(p *corev1.Pod, name string) bool {
	for i := range p.Spec.InitContainers {
		if c := &p.Spec.InitContainers[i]; c.Name == name {
			return isSidecar(c)
		}
	}
	return false
}
