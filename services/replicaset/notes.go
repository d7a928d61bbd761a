package replicaset

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"

	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
	commandv1 "taffrail.dev/proto/gen/command/v1"
	eventv1 "taffrail.dev/proto/gen/event/v1"
	"taffrail.dev/services/metadata"
	"taffrail.dev/services/record"
)

// notes records what became of the pods that a turn created and deleted.
func (s *state) notes(rs *appsv1.ReplicaSet, now time.Time) func([]process.Answer) []*commandv1.Command {
	about := record.About("apps/v1", "ReplicaSet", rs)
	return func(answers []process.Answer) []*commandv1.Command {
		var out []*commandv1.Command
		failed := false
		for _, a := range answers {
			if a.Command.GetObject().GetResource() != subject.Pods.Name {
				continue
			}
			verb := a.Command.GetVerb()
			switch {
			case verb == commandv1.Verb_CREATE && a.Err == nil:
				pod, err := metadata.Decode(eventv1.Encoding_ENCODING_PROTOBUF, a.Result.GetObject())
				if err == nil && pod.Name != "" {
					out = append(out, s.log.Normal(now, about, "SuccessfulCreate", "Created pod: %s", pod.Name))
				}
			case verb == commandv1.Verb_DELETE && a.Err == nil:
				out = append(out, s.log.Normal(now, about, "SuccessfulDelete", "Deleted pod: %s", a.Command.GetObject().GetName()))
			case verb == commandv1.Verb_CREATE && !failed && !namespaceEnding(a.Err):
				failed = true
				out = append(out, s.log.Warning(now, about, "FailedCreate", "Error creating: %s", record.Cause(a.Err)))
			case verb == commandv1.Verb_DELETE && !failed:
				failed = true
				out = append(out, s.log.Warning(now, about, "FailedDelete", "Error deleting: %s", record.Cause(a.Err)))
			}
		}
		return out
	}
}
