package command

import (
	"net/http"
	"testing"

	commandv1 "taffrail.dev/proto/gen/command/v1"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

// A handler without a server panics at any command; the sender gets a refusal.
func TestAPanicIsARefusal(t *testing.T) {
	t.Parallel()
	c := &commandv1.Command{Verb: commandv1.Verb_GET, Object: &eventv1.ObjectRef{Resource: "pods", Namespace: "default", Name: "a"}}
	got := (&Handler{}).Handle(t.Context(), []string{"scheduler"}, c)
	if got.GetCode() != http.StatusInternalServerError || got.GetReason() != "InternalError" {
		t.Errorf("%v, want a refusal for an internal error", got)
	}
}
