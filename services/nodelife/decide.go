package nodelife

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"taffrail.dev/events/command"
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
	commandv1 "taffrail.dev/proto/gen/command/v1"
	"taffrail.dev/services/record"
)

func (s *state) decide(t process.Turn) process.Plan {
	if t.Key.Resource == subject.Nodes {
		return s.decideNode(t)
	}
	return s.decidePod(t)
}

// decideNode takes the first of these steps that is due: a range of addresses, the
// conditions of a silent node, taints.
func (s *state) decideNode(t process.Turn) process.Plan {
	node := s.nodes[t.Key.Name]
	if node == nil {
		return process.Plan{}
	}
	if _, ok := s.watched[node.Name]; !ok {
		s.watched[node.Name] = t.Now
	}
	if len(cidrs(node)) == 0 {
		if plan, ok := s.planRange(t, node); ok {
			return plan
		}
	}
	left := s.deadline(node).Sub(t.Now)
	if left <= 0 && readiness(node) != corev1.ConditionUnknown {
		return s.planUnknown(t, node)
	}
	plan := s.planTaints(t, node)
	if left > 0 {
		plan.After = left
	} else if s.isolated(t.Now) {
		plan.After = s.config.Silence
	}
	return plan
}

// deadline is until when a node counts as heard.
func (s *state) deadline(node *corev1.Node) time.Time {
	heard, known := s.heard[node.Name]
	patience := s.config.Silence
	if !known {
		heard = node.CreationTimestamp.Time
		patience += patience / 2
	}
	if watched, ok := s.watched[node.Name]; ok && watched.After(heard) {
		heard = watched
	}
	return heard.Add(patience)
}

// isolated says whether no node at all is heard: then more likely it is this side that is cut
// off, and nothing is to be evicted.
func (s *state) isolated(now time.Time) bool {
	for _, node := range s.nodes {
		if now.Before(s.deadline(node)) {
			return false
		}
	}
	return true
}

// planRange gives a node its range; ok is false if there is none left.
func (s *state) planRange(t process.Turn, node *corev1.Node) (plan process.Plan, ok bool) {
	s.ranges.release(node.Name) // what a failed turn reserved
	p, ok := s.ranges.give(node.Name)
	if !ok {
		return process.Plan{}, false
	}
	spec := map[string]any{"podCIDR": p.String(), "podCIDRs": []string{p.String()}}
	c := s.patch(t.Key, "", command.MergePatch, node, map[string]any{"spec": spec}, "range of pod addresses "+p.String())
	about := record.About("v1", "Node", node)
	return process.Plan{Commands: []*commandv1.Command{c}, Notes: func(answers []process.Answer) []*commandv1.Command {
		if answers[0].Err != nil {
			return nil
		}
		return []*commandv1.Command{s.log.Normal(t.Now, about, "RegisteredNode", "Node %s event: Registered Node %s in Controller", node.Name, node.Name)}
	}}, true
}

// silenced are the conditions that only a node that is heard can have.
var silenced = []corev1.NodeConditionType{
	corev1.NodeReady, corev1.NodeMemoryPressure, corev1.NodeDiskPressure, corev1.NodePIDPressure,
}

func (s *state) planUnknown(t process.Turn, node *corev1.Node) process.Plan {
	var conditions []corev1.NodeCondition
	now := metav1.NewTime(t.Now)
	for _, kind := range silenced {
		next := corev1.NodeCondition{
			Type: kind, Status: corev1.ConditionUnknown, Reason: "NodeStatusNeverUpdated",
			Message: "Kubelet never posted node status.", LastHeartbeatTime: node.CreationTimestamp, LastTransitionTime: now,
		}
		if had := condition(node, kind); had != nil {
			if had.Status == corev1.ConditionUnknown {
				continue
			}
			next.Reason, next.Message = "NodeStatusUnknown", "Kubelet stopped posting node status."
			next.LastHeartbeatTime = had.LastHeartbeatTime
		}
		conditions = append(conditions, next)
	}
	c := s.patch(t.Key, "status", command.StrategicPatch, node,
		map[string]any{"status": map[string]any{"conditions": conditions}}, "Kubelet stopped posting node status.")
	about, was := record.About("v1", "Node", node), readiness(node)
	return process.Plan{Commands: []*commandv1.Command{c}, Notes: func(answers []process.Answer) []*commandv1.Command {
		if answers[0].Err != nil || was != corev1.ConditionTrue {
			return nil
		}
		return []*commandv1.Command{s.log.Normal(t.Now, about, "NodeNotReady", "Node %s status is now: NodeNotReady", node.Name)}
	}}
}

func (s *state) planTaints(t process.Turn, node *corev1.Node) process.Plan {
	want := taints(node, t.Now, s.isolated(t.Now))
	if sameTaints(want, node.Spec.Taints) {
		return process.Plan{}
	}
	var list any
	if len(want) > 0 {
		list = want
	}
	reason := "taints by condition: none"
	if len(want) > 0 {
		reason = fmt.Sprintf("taints by condition: %d", len(want))
	}
	c := s.patch(t.Key, "", command.MergePatch, node, map[string]any{"spec": map[string]any{"taints": list}}, reason)
	// A list is replaced as a whole: only the one that was seen.
	c.ExpectedSequence, _ = strconv.ParseUint(node.ResourceVersion, 10, 64)
	return process.Plan{Commands: []*commandv1.Command{c}}
}

func (s *state) patch(key subject.Object, sub, kind string, o interface{ GetUID() types.UID }, content any, reason string) *commandv1.Command {
	body, err := json.Marshal(content)
	if err != nil { // strings, times and maps of them always marshal
		panic(fmt.Sprintf("nodelife: %v", err))
	}
	c := command.Patch(key, sub, kind, body, reason)
	c.ExpectedUid = string(o.GetUID())
	return c
}
