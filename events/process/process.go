// Package process is the loop that every service runs: fold events, decide, send
// commands, wait until their effects are folded, decide again.
package process

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"taffrail.dev/events/fold"
	"taffrail.dev/events/subject"
	commandv1 "taffrail.dev/proto/gen/command/v1"
)

// Spec declares a service as data. A field has one writer among all services.
type Spec struct {
	// Name is the service's: "deployment". Its commands are authenticated as
	// system:taffrail:<name>.
	Name string
	// Reads are the resources that it folds; subject.Every is all on STATE.
	Reads []subject.Resource
	// Asks are the virtual kinds that it asks the gateway: reviews.
	Asks []subject.Resource
	// Writes are the fields that it writes, by resource: {Pods, "spec.nodeName"}.
	Writes []Field
}

// Field is a resource's field path ("status", "spec.nodeName", "status.conditions[Ready]"), or "*" for creating
// and deleting whole objects.
type Field struct {
	Resource subject.Resource
	Path     string
}

// State is a service's fold.
type State interface {
	// Apply folds an event and returns the keys that it makes worth deciding. A
	// key need not name an object of the event's resource, nor one that exists.
	Apply(e *fold.Event) []subject.Object
}

// Turn is one decision's occasion.
type Turn struct {
	Key subject.Object
	Now time.Time
	// Cause is the latest event that woke the key; nil after a restart or by time alone.
	Cause *fold.Event
	// Failures counts the key's turns in a row of which a command failed, Err is the last's failure.
	Failures int
	Err      error
}

// Plan is what a decision wants done.
type Plan struct {
	// Commands are sent at once, several at a time. When all are answered and what
	// they appended has been folded, and events have woken the key meanwhile or a command failed,
	// the key is decided again. cause and correlation are filled in from the turn where zero.
	Commands []*commandv1.Command
	// After asks for another turn at the latest after this time; 0 for none.
	After time.Duration
	// Notes, if set, is called once, with the answers of Commands in their order, and returns
	// commands that record for people what was done (core/v1 Events). Pure, as Decide. They are sent
	// but neither waited for nor retried, and a failure of one is no failure of the turn.
	Notes func(answers []Answer) []*commandv1.Command
	// Then, if set, is called once all of Commands have succeeded, with their answers in their order, and
	// goes on with the turn: for a decision that has to ask the gateway first, as whether a user may do
	// something. Pure, as Decide. Without Commands, or when one failed, it is not called.
	Then func(answers []Answer) Plan
}

// Answer is what became of one command of a plan.
type Answer struct {
	Command *commandv1.Command
	// Result is nil exactly when Err is not.
	Result *commandv1.Result
	Err    error
}

// Commander sends commands to the gateway.
type Commander interface {
	// Do sends a command and returns its answer. A refusal is an *errs.Error of the
	// Status's reason. After errs.Unavailable or errs.Timeout the command may have been carried out; a
	// repeat with the same id is safe.
	Do(ctx context.Context, c *commandv1.Command) (*commandv1.Result, error)
}

// Deps is what a process gives its services.
type Deps struct {
	Source   fold.Source
	Commands Commander
	Log      *zap.Logger
	Metrics  prometheus.Registerer
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Ready is called once the service has caught up; may be nil.
	Ready func()
}

// Controller is a service of the common shape.
type Controller struct {
	Spec  Spec
	State State
	// Decide is pure: it reads the state, and the turn, and nothing else.
	Decide func(t Turn) Plan
	// Before orders waiting keys; nil is first woken, first decided.
	Before func(a, b subject.Object) bool
	// Parallel bounds the commands under way at once; 0 is 64.
	Parallel int
}
