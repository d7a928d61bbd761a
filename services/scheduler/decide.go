package scheduler

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/events/command"
	"taffrail.dev/events/process"
	commandv1 "taffrail.dev/proto/gen/command/v1"
	eventv1 "taffrail.dev/proto/gen/event/v1"
	"taffrail.dev/services/record"
)

// A refused pod is looked at again after this time even if no event seemed to help it: soon
// while bindings are under way that may yet fail.
const (
	patience      = 5 * time.Minute
	shortPatience = 5 * time.Second
)

// Decide sends the turn's pod to a node, or refuses it.
func (s *State) Decide(t process.Turn) process.Plan {
	w := s.waiting[t.Key]
	if w == nil {
		return process.Plan{}
	}
	// A turn while a binding is assumed means that the binding failed.
	s.forget(w)
	s.unblock(w)
	v := s.pick(w)
	detail := &eventv1.Scheduling{
		NodesConsidered: int32(v.considered), NodesFeasible: int32(v.feasible), Refused: v.refused, Scores: v.scores,
	}
	if w.since > 0 {
		detail.Waited = max(0, t.Now.UnixNano()-w.since)
	}
	if v.node == nil {
		return s.refuse(t, w, &v, detail)
	}
	return s.bind(t, w, &v, detail)
}

func (s *State) bind(t process.Turn, w *waiting, v *verdict, detail *eventv1.Scheduling) process.Plan {
	s.assume(w, v.node)
	detail.Node = v.node.name
	binding := &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.key.Namespace, Name: w.pod.Name, UID: w.pod.UID},
		Target:     corev1.ObjectReference{Kind: "Node", Name: v.node.name},
	}
	c := command.CreateSub(w.key, "binding", binding, fmt.Sprintf("best of %d fitting nodes, %d in all", v.feasible, v.considered))
	c.ExpectedUid = string(w.pod.UID)
	c.Detail = &commandv1.Command_Scheduling{Scheduling: detail}
	about := record.About("v1", "Pod", w.pod)
	text := fmt.Sprintf("Successfully assigned %s/%s to %s", w.key.Namespace, w.pod.Name, v.node.name)
	return process.Plan{
		Commands: []*commandv1.Command{c},
		Notes: func(answers []process.Answer) []*commandv1.Command {
			if answers[0].Err != nil {
				return nil
			}
			return []*commandv1.Command{s.log.Normal(t.Now, about, "Scheduled", "%s", text)}
		},
	}
}

func (s *State) refuse(t process.Turn, w *waiting, v *verdict, detail *eventv1.Scheduling) process.Plan {
	s.block(w, v.constrained)
	plan := process.Plan{After: patience}
	if s.assumed > 0 {
		plan.After = shortPatience
	}
	condition := corev1.PodCondition{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: v.message(w.yields),
	}
	now := metav1.NewTime(t.Now)
	condition.LastTransitionTime = now
	condition.ObservedGeneration = w.pod.Generation
	if had := w.refusal; had != nil && had.Status == condition.Status {
		condition.LastTransitionTime = had.LastTransitionTime
		if had.Reason == condition.Reason && had.Message == condition.Message {
			return plan
		}
	}
	patch, err := json.Marshal(map[string]any{"status": map[string]any{"conditions": []corev1.PodCondition{condition}}})
	if err != nil { // strings and times always marshal
		return plan
	}
	c := command.Patch(w.key, "status", command.StrategicPatch, patch, condition.Message)
	c.ExpectedUid = string(w.pod.UID)
	c.Detail = &commandv1.Command_Scheduling{Scheduling: detail}
	plan.Commands = []*commandv1.Command{c}
	about := record.About("v1", "Pod", w.pod)
	plan.Notes = func(answers []process.Answer) []*commandv1.Command {
		if answers[0].Err != nil {
			return nil
		}
		return []*commandv1.Command{s.log.Warning(t.Now, about, "FailedScheduling", "%s", condition.Message)}
	}
	return plan
}

// message explains a refusal as Kubernetes words it.
func (v *verdict) message(yields bool) string {
	if v.considered == 0 {
		return "no nodes available to schedule pods"
	}
	text := explained(v.considered, v.refused)
	if yields {
		return text + " preemption: not eligible due to preemptionPolicy=Never."
	}
	outlook := map[string]int32{}
	if v.lasting > 0 {
		outlook["Preemption is not helpful for scheduling"] = int32(v.lasting)
	}
	if rest := v.considered - v.lasting; rest > 0 {
		outlook["No preemption victims found for incoming pod"] = int32(rest)
	}
	return text + " preemption: " + explained(v.considered, outlook)
}

func explained(considered int, reasons map[string]int32) string {
	parts := make([]string, 0, len(reasons))
	for reason, nodes := range reasons {
		parts = append(parts, fmt.Sprintf("%d %s", nodes, reason))
	}
	slices.Sort(parts)
	return fmt.Sprintf("0/%d nodes are available: %s.", considered, strings.Join(parts, ", "))
}
