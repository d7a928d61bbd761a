package bus

import (
	"slices"
	"strings"

	"github.com/nats-io/nats-server/v2/server"

	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
)

// Role is who a connection is on the bus, and what it may do there. The server
// enforces it, so a node cannot read another's secrets nor a service write the journal.
type Role struct {
	// Actor is the role's name and that of its commands: {"deployment"},
	// {"node", "worker-1"}.
	Actor []string
	// Publish and Subscribe are the subjects that the role may use; Deny are those
	// that it may not publish to although Publish has them.
	Publish, Subscribe, Deny []string
}

// Name is the role's name: "deployment", "node.worker-1".
func (r Role) Name() string { return strings.TrimPrefix(subject.Command(r.Actor...), "command.") }

// Gateway writes the journal, reads everything and takes commands.
func Gateway() Role {
	r := Role{Actor: []string{"gateway"}, Publish: []string{"$JS.>", "$O.>", "_INBOX.>"}, Subscribe: []string{subject.Commands()}}
	for _, s := range []subject.Stream{subject.State, subject.Leases, subject.Events, subject.Audit} {
		r.Publish = append(r.Publish, s.All())
	}
	for _, s := range Streams(1) {
		for _, verb := range []string{"STREAM.DELETE", "STREAM.PURGE", "STREAM.MSG.DELETE"} {
			r.Deny = append(r.Deny, "$JS.API."+verb+"."+s.Name)
		}
	}
	return r.complete()
}

// Operator may do everything; the purge of retained history is its.
func Operator() Role {
	return Role{Actor: []string{"operator"}, Publish: []string{">"}, Subscribe: []string{">"}}
}

// Service sends its own commands and reads the streams of the resources that it
// declares. (A feed keeps a stream's order, so it reads whole streams.)
func Service(spec process.Spec) Role {
	r := Role{Actor: []string{spec.Name}, Publish: sends(spec.Name)}
	for _, resource := range spec.Reads {
		r.Publish = append(r.Publish, reads(string(subject.StreamOf(resource)))...)
	}
	r.Publish = append(r.Publish, reads("OBJ_"+Snapshots)...)
	return r.complete()
}

// Assigner is a service that also tells nodes what they have to know.
func Assigner(spec process.Spec) Role {
	r := Service(spec)
	r.Publish = append(r.Publish, subject.Assign.All())
	r.Publish = append(r.Publish, reads(string(subject.Assign))...)
	return r.complete()
}

// Node sends the node's own commands and reads what it and all nodes are told.
func Node(name string) Role {
	const create = "$JS.API.CONSUMER.CREATE.ASSIGN.*."
	return Role{Actor: []string{subject.NodeActor, name}, Publish: append(sends(subject.NodeActor, name),
		create+subject.AssignNodeFilter(name), create+subject.AssignAllFilter(), "$JS.FC.ASSIGN.>",
	)}.complete()
}

func sends(actor ...string) []string {
	return []string{subject.Command(actor...), subject.Command(actor...) + ".>"}
}

// reads is what a reader of a whole stream publishes to.
func reads(stream string) []string {
	const api = "$JS.API."
	return []string{
		api + "STREAM.INFO." + stream, api + "STREAM.MSG.GET." + stream,
		api + "DIRECT.GET." + stream, api + "DIRECT.GET." + stream + ".>",
		api + "CONSUMER.CREATE." + stream + ".>", api + "CONSUMER.INFO." + stream + ".*", api + "CONSUMER.DELETE." + stream + ".*",
		"$JS.FC." + stream + ".>",
	}
}

// complete adds the role's own inbox and drops repeats.
func (r Role) complete() Role {
	r.Subscribe = append(r.Subscribe, subject.Inbox(r.Actor...)+".>")
	for _, list := range []*[]string{&r.Publish, &r.Subscribe} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return r
}

func (r Role) permissions() *server.Permissions {
	return &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: r.Publish, Deny: r.Deny},
		Subscribe: &server.SubjectPermission{Allow: r.Subscribe},
	}
}
