package deployment

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/labels"

	"taffrail.dev/events/command"
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
	commandv1 "taffrail.dev/proto/gen/command/v1"
	"taffrail.dev/services/record"
	"taffrail.dev/services/selection"
)

// decide is one turn of one Deployment.
func (s *state) decide(t process.Turn) process.Plan {
	d := s.deployments.Get(t.Key.Namespace, t.Key.Name)
	if d == nil || d.Spec.Selector == nil {
		return process.Plan{}
	}
	selector, err := selection.Of(d.Spec.Selector)
	if err != nil {
		return process.Plan{}
	}
	if selector.Everything() {
		return s.selectsAll(d, t)
	}
	r := s.claim(d, selector, t)
	switch {
	case d.DeletionTimestamp != nil:
		r.findNew()
	case d.Spec.Paused:
		r.notePause()
		r.findNew()
		r.scale()
		r.cleanUp()
	default:
		r.notePause()
		r.findNew()
		switch {
		case r.resized():
			r.scale()
		case d.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType:
			r.recreate(s.living)
		default:
			r.roll()
		}
	}
	return process.Plan{Commands: r.commands(), After: r.after, Notes: s.notes(d, t.Now)}
}

// selectsAll refuses a Deployment that would own every pod.
func (s *state) selectsAll(d *appsv1.Deployment, t process.Turn) process.Plan {
	if d.Status.ObservedGeneration >= d.Generation {
		return process.Plan{}
	}
	next := d.DeepCopy()
	next.Status.ObservedGeneration = d.Generation
	return process.Plan{
		Commands: []*commandv1.Command{command.Update(t.Key, "status", next, "the selector selects all pods")},
		Notes: func([]process.Answer) []*commandv1.Command {
			return []*commandv1.Command{s.log.Warning(t.Now, record.About("apps/v1", "Deployment", d), "SelectingAll",
				"This deployment is selecting all pods. A non-empty selector is required.")}
		},
	}
}

// claim gathers the Deployment's ReplicaSets: those it controls and, by adoption, those it selects.
func (s *state) claim(d *appsv1.Deployment, selector selection.Selector, t process.Turn) *rollout {
	r := &rollout{d: d, turn: t, taken: func(name string) bool { return s.sets.Get(d.Namespace, name) != nil }}
	for _, rs := range s.owned[d.UID] {
		switch {
		case rs.Namespace != d.Namespace:
		case selector.Matches(labels.Set(rs.Labels)):
			r.sets = append(r.sets, rs)
		case d.DeletionTimestamp == nil:
			patch := fmt.Sprintf(`{"metadata":{"ownerReferences":[{"$patch":"delete","uid":%q}],"uid":%q}}`, d.UID, rs.UID)
			r.claims = append(r.claims, command.Patch(setKey(rs), "", command.StrategicPatch, []byte(patch), "released by Deployment "+d.Name))
		}
	}
	if d.DeletionTimestamp == nil {
		for _, name := range s.orphans.Members(t.Key) {
			rs := s.sets.Get(d.Namespace, name)
			patch := fmt.Sprintf(`{"metadata":{"ownerReferences":[{"apiVersion":"apps/v1","kind":"Deployment","name":%q,"uid":%q,"controller":true,"blockOwnerDeletion":true}],"uid":%q}}`,
				d.Name, d.UID, rs.UID)
			r.claims = append(r.claims, command.Patch(setKey(rs), "", command.StrategicPatch, []byte(patch), "adopted by Deployment "+d.Name))
			// It counts from the turn that sees it adopted: nothing may be written to it before.
			r.adopting = true
		}
	}
	return r
}

func setKey(rs *appsv1.ReplicaSet) subject.Object {
	return subject.Object{Resource: subject.ReplicaSets, Namespace: rs.Namespace, Name: rs.Name}
}
