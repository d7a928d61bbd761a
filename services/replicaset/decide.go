package replicaset

import (
	"cmp"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/events/command"
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
	commandv1 "taffrail.dev/proto/gen/command/v1"
	eventv1 "taffrail.dev/proto/gen/event/v1"
	"taffrail.dev/services/brief"
	"taffrail.dev/services/selection"
)

// burst is the most pods created or deleted in one turn.
const burst = 500

// claim is the pods that a set counts as its own.
type claim struct{ active, terminating, adopt, release []*brief.Pod }

// decide is one turn of one set.
func (s *state) decide(t process.Turn) process.Plan {
	rs := s.sets.Get(t.Key.Namespace, t.Key.Name)
	if rs == nil {
		return process.Plan{}
	}
	selector, err := selection.Of(rs.Spec.Selector)
	if err != nil || selector.Everything() {
		return process.Plan{}
	}
	c := s.claim(rs, selector)
	var commands []*commandv1.Command
	for _, p := range c.adopt {
		commands = append(commands, adopt(rs, p))
	}
	for _, p := range c.release {
		commands = append(commands, release(rs, p))
	}
	changes := s.scale(rs, c, t)
	commands = append(commands, changes...)
	status, after := statusOf(rs, c, t)
	// While pods come and go the status is left for the turn that sees them, unless it has a
	// failure to tell.
	if (len(changes) == 0 || t.Failures > 0) && !sameStatus(&status, &rs.Status) {
		next := rs.DeepCopy()
		next.Status = status
		commands = append(commands, command.Update(t.Key, "status", next, summary(&status)))
	}
	return process.Plan{Commands: commands, After: after, Notes: s.notes(rs, t.Now)}
}

func summary(status *appsv1.ReplicaSetStatus) string {
	return fmt.Sprintf("%d replicas, %d ready, %d available", status.Replicas, status.ReadyReplicas, status.AvailableReplicas)
}

func wanted(rs *appsv1.ReplicaSet) int {
	if rs.Spec.Replicas == nil {
		return 1
	}
	return int(*rs.Spec.Replicas)
}

// claim sorts the pods that the set controls, and the orphans that it selects.
func (s *state) claim(rs *appsv1.ReplicaSet, selector selection.Selector) claim {
	var c claim
	for _, p := range s.owned[rs.UID] {
		switch {
		case p.GetNamespace() != rs.Namespace || p.Finished():
		case !selector.Matches(p.Labels):
			if rs.DeletionTimestamp == nil && !p.Terminating {
				c.release = append(c.release, p)
			}
		case p.Terminating:
			c.terminating = append(c.terminating, p)
		default:
			c.active = append(c.active, p)
		}
	}
	if rs.DeletionTimestamp == nil {
		for _, name := range s.orphans.Members(keyOf(rs.Namespace, rs.Name)) {
			c.adopt = append(c.adopt, s.pods.Get(rs.Namespace, name))
		}
	}
	c.active = append(c.active, c.adopt...)
	byName := func(a, b *brief.Pod) int { return cmp.Compare(a.Name, b.Name) }
	slices.SortFunc(c.active, byName)
	slices.SortFunc(c.release, byName)
	return c
}

// scale creates what is missing or deletes what is too much.
func (s *state) scale(rs *appsv1.ReplicaSet, c claim, t process.Turn) []*commandv1.Command {
	missing := wanted(rs) - len(c.active)
	switch {
	case rs.DeletionTimestamp != nil || missing == 0:
		return nil
	case missing > 0:
		return creates(rs, min(missing, burst), len(c.active))
	}
	surplus := min(-missing, burst)
	var commands []*commandv1.Command
	for _, p := range victims(c.active, surplus, s.onNode(rs, c, surplus), t.Now) {
		del := command.Delete(podKey(p), string(p.UID), fmt.Sprintf("scaled from %d to %d", len(c.active), wanted(rs)))
		del.Detail = rolloutDetail("delete", len(c.active), wanted(rs))
		commands = append(commands, del)
	}
	return commands
}

func creates(rs *appsv1.ReplicaSet, n, have int) []*commandv1.Command {
	key := subject.Object{Resource: subject.Pods, Namespace: rs.Namespace}
	first := command.Create(key, podOf(rs), fmt.Sprintf("scaled from %d to %d", have, wanted(rs)))
	first.Detail = rolloutDetail("create", have, wanted(rs))
	commands := []*commandv1.Command{first}
	for range n - 1 {
		commands = append(commands, proto.CloneOf(first))
	}
	return commands
}

func rolloutDetail(step string, from, to int) *commandv1.Command_Rollout {
	return &commandv1.Command_Rollout{Rollout: &eventv1.Rollout{Step: step, FromReplicas: int32(from), ToReplicas: int32(to)}}
}

// onNode counts, by node, the active pods of the set and of all sets with its controller.
func (s *state) onNode(rs *appsv1.ReplicaSet, c claim, surplus int) map[string]int {
	if surplus >= len(c.active) {
		return nil
	}
	counts := map[string]int{}
	count := func(p *brief.Pod) {
		if node := p.Node(); active(p) && node != "" {
			counts[node]++
		}
	}
	for _, p := range c.active {
		count(p)
	}
	if ref := metav1.GetControllerOfNoCopy(rs); ref != nil {
		for _, sibling := range s.siblings[ref.UID] {
			if sibling.UID == rs.UID {
				continue
			}
			for _, p := range s.owned[sibling.UID] {
				count(p)
			}
		}
	}
	return counts
}

func podKey(p *brief.Pod) subject.Object {
	return subject.Object{Resource: subject.Pods, Namespace: p.GetNamespace(), Name: p.Name}
}

// adopt makes the set the controller of an orphan.
func adopt(rs *appsv1.ReplicaSet, p *brief.Pod) *commandv1.Command {
	patch := fmt.Sprintf(`{"metadata":{"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":%q,"uid":%q,"controller":true,"blockOwnerDeletion":true}],"uid":%q}}`,
		rs.Name, rs.UID, p.UID)
	return command.Patch(podKey(p), "", command.StrategicPatch, []byte(patch), "adopted by ReplicaSet "+rs.Name)
}

// release ends the set's control of a pod that it no longer selects.
func release(rs *appsv1.ReplicaSet, p *brief.Pod) *commandv1.Command {
	patch := fmt.Sprintf(`{"metadata":{"ownerReferences":[{"$patch":"delete","uid":%q}],"uid":%q}}`, rs.UID, p.UID)
	return command.Patch(podKey(p), "", command.StrategicPatch, []byte(patch), "released by ReplicaSet "+rs.Name)
}
