package nodelife

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"

	"taffrail.dev/events/command"
	"taffrail.dev/events/process"
	commandv1 "taffrail.dev/proto/gen/command/v1"
	eventv1 "taffrail.dev/proto/gen/event/v1"
	"taffrail.dev/services/brief"
	"taffrail.dev/services/record"
)

// reason is why a pod has to go, in the words of its condition.
type reason struct{ name, message string }

var (
	byTaint  = reason{"DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint"}
	byAbsent = reason{"DeletionByPodGC", "PodGC: node no longer exists"}
)

// decidePod removes a pod whose node is gone or whose node's taints it does not
// tolerate any longer, and takes a pod on a silent node out of its Services.
func (s *state) decidePod(t process.Turn) process.Plan {
	r := s.pods[t.Key]
	if r == nil {
		return process.Plan{}
	}
	node := s.nodes[r.pod.Node()]
	if node == nil {
		return s.planOrphan(t, r)
	}
	if r.pod.Terminating {
		return process.Plan{}
	}
	plan := s.planNotReady(t, r, node)
	if len(plan.Commands) > 0 || r.pod.Finished() {
		return plan
	}
	due, evicted := s.eviction(t, r.pod, node)
	switch {
	case !evicted:
		return plan
	case due.After(t.Now):
		plan.After = due.Sub(t.Now)
		return plan
	case !r.pod.Disrupted:
		return s.planDisrupt(t, r, byTaint, false)
	}
	c := command.Delete(r.key, string(r.pod.UID), byTaint.message)
	c.Detail = &commandv1.Command_Eviction{Eviction: &eventv1.Eviction{By: byTaint.name, Message: byTaint.message}}
	about := record.About("v1", "Pod", r.pod)
	return process.Plan{Commands: []*commandv1.Command{c}, Notes: func(answers []process.Answer) []*commandv1.Command {
		if answers[0].Err != nil {
			return nil
		}
		return []*commandv1.Command{s.log.Normal(t.Now, about, "TaintManagerEviction", "Marking for deletion Pod %s/%s", r.pod.GetNamespace(), r.pod.Name)}
	}}
}

// planOrphan removes a pod whose node has been missing for as long as a node may be silent.
func (s *state) planOrphan(t process.Turn, r *resident) process.Plan {
	name := r.pod.Node()
	since, known := s.missing[name]
	if !known {
		since = t.Now
		s.missing[name] = since
	}
	if left := since.Add(s.config.Silence).Sub(t.Now); left > 0 {
		return process.Plan{After: left}
	}
	if !r.pod.Finished() && !r.pod.Disrupted {
		return s.planDisrupt(t, r, byAbsent, true)
	}
	c := command.Delete(r.key, string(r.pod.UID), byAbsent.message)
	c.GraceSeconds = 0
	c.Detail = &commandv1.Command_Eviction{Eviction: &eventv1.Eviction{By: byAbsent.name, Message: byAbsent.message}}
	return process.Plan{Commands: []*commandv1.Command{c}}
}

// planDisrupt says in a pod's status why it has to go, before it goes.
func (s *state) planDisrupt(t process.Turn, r *resident, why reason, failed bool) process.Plan {
	status := map[string]any{"conditions": []corev1.PodCondition{{
		Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: why.name, Message: why.message,
		LastTransitionTime: metav1.NewTime(t.Now), ObservedGeneration: r.pod.Generation,
	}}}
	if failed {
		status["phase"] = corev1.PodFailed
	}
	c := s.patch(r.key, "status", command.StrategicPatch, r.pod, map[string]any{"status": status}, why.message)
	return process.Plan{Commands: []*commandv1.Command{c}}
}

// planNotReady marks a ready pod on a node that is not: its own agent cannot.
func (s *state) planNotReady(t process.Turn, r *resident, node *corev1.Node) process.Plan {
	if status := readiness(node); status == corev1.ConditionTrue || status == "" {
		return process.Plan{}
	}
	if !r.pod.Ready {
		return process.Plan{}
	}
	// The rest of the condition stays as it is.
	change := map[string]any{"type": corev1.PodReady, "status": corev1.ConditionFalse, "lastTransitionTime": metav1.NewTime(t.Now)}
	content := map[string]any{"status": map[string]any{"conditions": []any{change}}}
	c := s.patch(r.key, "status", command.StrategicPatch, r.pod, content, "node "+node.Name+" is not ready")
	about := record.About("v1", "Pod", r.pod)
	return process.Plan{Commands: []*commandv1.Command{c}, Notes: func(answers []process.Answer) []*commandv1.Command {
		if answers[0].Err != nil {
			return nil
		}
		return []*commandv1.Command{s.log.Warning(t.Now, about, "NodeNotReady", "Node is not ready")}
	}}
}

// eviction is when a pod has to leave its node for a taint; evicted is false if
// never.
func (s *state) eviction(t process.Turn, pod *brief.Pod, node *corev1.Node) (due time.Time, evicted bool) {
	for _, taint := range expelling(node) {
		seconds, forever := tolerated(pod, &taint)
		if forever {
			continue
		}
		from := s.added(node.Name, &taint, t.Now)
		// A taint from before this process watched may be out of date: the node has a
		// chance to be heard first.
		if watched, ok := s.watched[node.Name]; !ok || watched.After(from) {
			if from = watched; !ok {
				from = t.Now
			}
			if taint.Key == corev1.TaintNodeUnreachable || taint.Key == corev1.TaintNodeNotReady {
				from = from.Add(s.config.Silence)
			}
		}
		at := from.Add(seconds)
		if own := taint.Key == corev1.TaintNodeUnreachable || taint.Key == corev1.TaintNodeNotReady; own && s.isolated(t.Now) {
			at = t.Now.Add(s.config.Silence)
		}
		if !evicted || at.Before(due) {
			due, evicted = at, true
		}
	}
	return due, evicted
}

// added is when a taint was put on a node, as far as is known.
func (s *state) added(node string, taint *corev1.Taint, now time.Time) time.Time {
	if taint.TimeAdded != nil {
		return taint.TimeAdded.Time
	}
	seen := s.tainted[node]
	if seen == nil {
		seen = map[corev1.Taint]time.Time{}
		s.tainted[node] = seen
	}
	bare := corev1.Taint{Key: taint.Key, Value: taint.Value, Effect: taint.Effect}
	if _, known := seen[bare]; !known {
		seen[bare] = now
	}
	return seen[bare]
}

// tolerated is for how long a pod tolerates a taint.
func tolerated(pod *brief.Pod, taint *corev1.Taint) (seconds time.Duration, forever bool) {
	found := false
	tolerations := pod.Tolerations()
	for i := range tolerations {
		t := &tolerations[i]
		if !t.ToleratesTaint(klog.Logger{}, taint, true) {
			continue
		}
		if t.TolerationSeconds == nil {
			if !found {
				forever = true
			}
			continue
		}
		one := time.Duration(max(0, *t.TolerationSeconds)) * time.Second
		if !found || one < seconds {
			seconds = one
		}
		found, forever = true, false
	}
	return seconds, forever
}
