package subject

import (
	"fmt"
)

const command = "command"

// CommandQueue is the queue group in which gateways take commands.
const CommandQueue = "gateway"

// NodeActor is the first part of a node's actor: NodeActor, <node>.
const NodeActor = "node"

// Command is the subject of an actor's commands: Command("deployment") or
// Command(NodeActor, "worker-1").
func Command(actor ...string) string { return join(command, actor...) }

// Commands matches every actor's commands.
func Commands() string { return command + ".>" }

// ParseCommand is the actor of a command's subject.
func ParseCommand(subject string) ([]string, error) {
	t, err := split(subject)
	if err != nil || len(t) < 2 || t[0] != command {
		return nil, fmt.Errorf("%q is not a command's subject", subject)
	}
	return t[1:], nil
}

// Inbox is the prefix of a role's reply subjects, so that no role can listen to
// another's answers: "_INBOX.deployment", "_INBOX.node.worker-1".
func Inbox(role ...string) string { return join("_INBOX", role...) }
