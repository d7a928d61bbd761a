package garbage

import (
	"encoding/json"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"taffrail.dev/events/command"
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
	commandv1 "taffrail.dev/proto/gen/command/v1"
	"taffrail.dev/services/metadata"
)

const (
	// burst is the most dependents orphaned in one turn.
	burst = 500
	// lag is more than streams are ever apart: within one stream an owner comes before its
	// dependents, across two its absence counts only after this time.
	lag = time.Minute
)

// decide is one turn of one object.
func (s *state) decide(t process.Turn) process.Plan {
	n := s.objects[t.Key]
	switch {
	case n == nil:
		return process.Plan{}
	case n.orphaning():
		return s.orphan(n)
	case n.foreground():
		return s.finishForeground(n)
	case n.deleting:
		return process.Plan{}
	}
	return s.judge(n, t.Now)
}

// fates of an object's owners.
type fates struct{ living, absent, waiting []metadata.Owner }

// judge deletes the object if it has had owners and none keeps it, and else takes
// away the references to those that do not.
func (s *state) judge(n *node, now time.Time) process.Plan {
	f, after := s.ownersOf(n, now)
	dependents := s.dependents[n.uid]
	switch {
	case len(n.owners) == 0:
		return process.Plan{}
	case len(f.living) > 0 && len(f.absent)+len(f.waiting) == 0:
		return process.Plan{After: after}
	case len(f.living) > 0:
		return process.Plan{Commands: []*commandv1.Command{withOwners(n, f.living, "owners are gone")}, After: after}
	case len(f.waiting) > 0 && len(dependents) > 0:
		// In a cycle the object first stops holding up its owners: once it is being deleted
		// itself it is no longer judged.
		if s.inCycle(n) && slices.ContainsFunc(n.owners, func(o metadata.Owner) bool { return o.BlockOwnerDeletion }) {
			return process.Plan{Commands: []*commandv1.Command{unblocked(n)}}
		}
		return process.Plan{Commands: []*commandv1.Command{remove(n, metav1.DeletePropagationForeground)}}
	case slices.Contains(n.finalizers, metav1.FinalizerOrphanDependents):
		return process.Plan{Commands: []*commandv1.Command{remove(n, metav1.DeletePropagationOrphan)}}
	case slices.Contains(n.finalizers, metav1.FinalizerDeleteDependents):
		return process.Plan{Commands: []*commandv1.Command{remove(n, metav1.DeletePropagationForeground)}}
	}
	return process.Plan{Commands: []*commandv1.Command{remove(n, metav1.DeletePropagationBackground)}}
}

// ownersOf sorts an object's owners; after is when to look again (0: not by time).
func (s *state) ownersOf(n *node, now time.Time) (f fates, after time.Duration) {
	for _, o := range n.owners {
		owner := s.byUID[o.UID]
		switch {
		case owner != nil && owner.named(o) && (owner.key.Namespace == "" || owner.key.Namespace == n.key.Namespace):
			if owner.foreground() {
				f.waiting = append(f.waiting, o)
			} else {
				f.living = append(f.living, o)
			}
		case owner != nil && n.key.Namespace == "": // an owner in a namespace cannot be named from outside
			f.living = append(f.living, o)
		default:
			known, wait := s.absent(n, o, now)
			if known {
				f.absent = append(f.absent, o)
				continue
			}
			f.living = append(f.living, o)
			after = max(after, wait)
		}
	}
	return f, after
}

// named says whether a reference names the object (a reference of its uid).
func (n *node) named(o metadata.Owner) bool {
	return n.key.Name == o.Name && (n.kind == o.Kind || n.kind == "")
}

// absent says whether an owner that is not there is gone for certain, or when that may be said.
func (s *state) absent(n *node, o metadata.Owner, now time.Time) (certain bool, after time.Duration) {
	r, known := s.resourceOf(o)
	if !known {
		return false, 0
	}
	if subject.StreamOf(r) == subject.StreamOf(n.key.Resource) {
		return true, 0
	}
	wait := n.changed.Add(lag).Sub(now)
	return wait <= 0, max(0, wait)
}

// inCycle says whether the object waits for a dependent that waits for it.
func (s *state) inCycle(n *node) bool {
	for d := range s.dependents[n.uid] {
		if d.foreground() {
			return true
		}
	}
	return false
}

// finishForeground lets the object go once no dependent blocks its deletion.
func (s *state) finishForeground(n *node) process.Plan {
	for d := range s.dependents[n.uid] {
		for _, o := range d.owners {
			if o.UID == n.uid && o.BlockOwnerDeletion {
				return process.Plan{}
			}
		}
	}
	return process.Plan{Commands: []*commandv1.Command{without(n, metav1.FinalizerDeleteDependents, "its dependents are gone")}}
}

// orphan takes the object from its dependents' owners, and then lets it go.
func (s *state) orphan(n *node) process.Plan {
	var dependents []*node
	for d := range s.dependents[n.uid] {
		dependents = append(dependents, d)
	}
	if len(dependents) == 0 {
		return process.Plan{Commands: []*commandv1.Command{without(n, metav1.FinalizerOrphanDependents, "its dependents are orphaned")}}
	}
	slices.SortFunc(dependents, func(a, b *node) int { return int(int64(a.sequence) - int64(b.sequence)) })
	var commands []*commandv1.Command
	for _, d := range dependents[:min(len(dependents), burst)] {
		rest := slices.DeleteFunc(slices.Clone(d.owners), func(o metadata.Owner) bool { return o.UID == n.uid })
		commands = append(commands, withOwners(d, rest, "orphaned by "+n.key.String()))
	}
	return process.Plan{Commands: commands}
}

func remove(n *node, propagation metav1.DeletionPropagation) *commandv1.Command {
	c := command.Delete(n.key, n.uid, "its owners are gone")
	c.Propagation = string(propagation)
	return c
}

// patch changes an object's metadata as it was when decided on.
func patch(n *node, field string, value any, reason string) *commandv1.Command {
	b, err := json.Marshal(map[string]any{"metadata": map[string]any{field: value, "uid": n.uid}})
	if err != nil { // strings and booleans always marshal
		b = nil
	}
	c := command.Patch(n.key, "", command.MergePatch, b, reason)
	c.ExpectedSequence = n.sequence
	return c
}

func without(n *node, finalizer, reason string) *commandv1.Command {
	rest := slices.DeleteFunc(slices.Clone(n.finalizers), func(f string) bool { return f == finalizer })
	if len(rest) == 0 {
		return patch(n, "finalizers", nil, reason)
	}
	return patch(n, "finalizers", rest, reason)
}

func withOwners(n *node, owners []metadata.Owner, reason string) *commandv1.Command {
	if len(owners) == 0 {
		return patch(n, "ownerReferences", nil, reason)
	}
	references := make([]metav1.OwnerReference, len(owners))
	for i, o := range owners {
		references[i] = metav1.OwnerReference{APIVersion: o.APIVersion, Kind: o.Kind, Name: o.Name, UID: types.UID(o.UID)}
		if o.Controller {
			references[i].Controller = &o.Controller
		}
		if o.BlockOwnerDeletion {
			references[i].BlockOwnerDeletion = &o.BlockOwnerDeletion
		}
	}
	return patch(n, "ownerReferences", references, reason)
}

// unblocked has the object no longer hold up its owners' deletion.
func unblocked(n *node) *commandv1.Command {
	owners := slices.Clone(n.owners)
	for i := range owners {
		owners[i].BlockOwnerDeletion = false
	}
	return withOwners(n, owners, "ownership is a cycle")
}
