package bus

import (
	"context"
	"testing"

	"github.com/nats-io/nats.go"

	commandv1 "taffrail.dev/proto/gen/command/v1"
)

// A command is refused or handed on, never a crash.
func FuzzCommand(f *testing.F) {
	f.Add("command.scheduler.%.pods", []byte{8, 1})
	f.Add("command.node.a", []byte("no protobuf"))
	s := &serving{handle: func(context.Context, []string, *commandv1.Command) *commandv1.Result { return &commandv1.Result{} }}
	f.Fuzz(func(t *testing.T, subject string, data []byte) {
		m := &nats.Msg{Subject: subject, Data: data, Header: nats.Header{commandHeader: {"1"}}}
		if s.do(t.Context(), m) == nil {
			t.Error("no answer")
		}
	})
}
