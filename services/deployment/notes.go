package deployment

import (
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"

	"taffrail.dev/events/errs"
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
	commandv1 "taffrail.dev/proto/gen/command/v1"
	"taffrail.dev/services/record"
)

// notes records what became of the ReplicaSets that a turn created and scaled.
func (s *state) notes(d *appsv1.Deployment, now time.Time) func([]process.Answer) []*commandv1.Command {
	about := record.About("apps/v1", "Deployment", d)
	return func(answers []process.Answer) []*commandv1.Command {
		var out []*commandv1.Command
		for _, a := range answers {
			c, change := a.Command, a.Command.GetRollout()
			if c.GetObject().GetResource() != subject.ReplicaSets.Name || change == nil {
				continue
			}
			name, from, to := c.GetObject().GetName(), change.GetFromReplicas(), change.GetToReplicas()
			switch {
			case a.Err != nil && c.GetVerb() == commandv1.Verb_CREATE && !passing(a.Err) && !namespaceEnding(a.Err):
				out = append(out, s.log.Warning(now, about, createFailed, "Failed to create new replica set %q: %s", name, record.Cause(a.Err)))
			case a.Err != nil || c.GetVerb() == commandv1.Verb_DELETE:
			case to > from:
				out = append(out, s.log.Normal(now, about, "ScalingReplicaSet", "Scaled up replica set %s from %d to %d", name, from, to))
			case to < from:
				out = append(out, s.log.Normal(now, about, "ScalingReplicaSet", "Scaled down replica set %s from %d to %d", name, from, to))
			}
		}
		return out
	}
}

// namespaceEnding says whether a refusal is that nothing may be created in a namespace that goes.
func namespaceEnding(err error) bool {
	return errs.Is(err, errs.Forbidden) && strings.Contains(err.Error(), "because it is being terminated")
}
