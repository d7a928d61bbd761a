// Package command is the gateway's second front: it takes services' and nodes' commands
// from NATS through the very path of an HTTP request.
package command

import (
	"context"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/access"
	"taffrail.dev/gateway/kind"
	"taffrail.dev/gateway/rest"
	commandv1 "taffrail.dev/proto/gen/command/v1"
)

// Handler carries out commands.
type Handler struct {
	Server    *rest.Server
	Authorize access.Authorize
}

// verbs of commands as the API names them.
var verbs = map[commandv1.Verb]string{
	commandv1.Verb_CREATE: "create", commandv1.Verb_UPDATE: "update", commandv1.Verb_PATCH: "patch",
	commandv1.Verb_DELETE: "delete", commandv1.Verb_GET: "get",
}

// Handle answers one command. The actor is what the bus let its sender say that it is.
func (h *Handler) Handle(ctx context.Context, actor []string, c *commandv1.Command) *commandv1.Result {
	reply, err := h.do(ctx, actor, c)
	if err != nil {
		return refusal(err)
	}
	object, err := reply.Proto()
	if err != nil {
		return refusal(err)
	}
	return &commandv1.Result{Code: int32(reply.Code), Sequence: reply.Sequence, Object: object}
}

func (h *Handler) do(ctx context.Context, actor []string, c *commandv1.Command) (*rest.Reply, error) {
	verb, known := verbs[c.GetVerb()]
	if !known || c.GetObject() == nil {
		return nil, apierrors.NewBadRequest("a command needs a verb and an object")
	}
	user, err := userOf(actor)
	if err != nil {
		return nil, err
	}
	call := callOf(c)
	call.Verb, call.User, call.UserAgent = verb, user, "taffrail/"+user.Name
	if err := h.authorize(ctx, call, c); err != nil {
		return nil, err
	}
	o := c.GetObject()
	key := subject.Object{Resource: subject.Resource{Group: o.GetGroup(), Name: o.GetResource()}, Namespace: o.GetNamespace(), Name: o.GetName()}
	if err := h.Server.Resolve(call, key, o.GetVersion(), c.GetSubresource()); err != nil {
		return nil, err
	}
	return h.Server.Do(kind.WithUser(ctx, user), call)
}

// userOf is the user that an actor acts as: node/NAME is that node, all else are services.
func userOf(actor []string) (kind.User, error) {
	switch {
	case len(actor) == 2 && actor[0] == subject.NodeActor:
		return access.NodeUser(actor[1]), nil
	case len(actor) == 1:
		return access.ServiceUser(actor[0]), nil
	}
	return kind.User{}, apierrors.NewUnauthorized(fmt.Sprintf("nobody is called %q", actor))
}

func callOf(c *commandv1.Command) *rest.Call {
	call := &rest.Call{
		Body: c.GetBody(), ContentType: c.GetContentType(), FieldManager: c.GetFieldManager(), Force: c.GetForce(),
		Expect: c.GetExpectedSequence(), ExpectUID: c.GetExpectedUid(),
		ID: c.GetId(), Cause: c.GetCause(), Correlation: c.GetCorrelation(), Reason: c.GetReason(), Detail: c,
	}
	call.Warn = func(string) {}
	if c.GetVerb() != commandv1.Verb_DELETE {
		return call
	}
	if grace := c.GetGraceSeconds(); grace >= 0 {
		call.Delete.GracePeriodSeconds = &grace
	}
	if p := c.GetPropagation(); p != "" {
		policy := metav1.DeletionPropagation(p)
		call.Delete.PropagationPolicy = &policy
	}
	if uid := c.GetExpectedUid(); uid != "" {
		u := types.UID(uid)
		call.Delete.Preconditions = &metav1.Preconditions{UID: &u}
	}
	return call
}

func (h *Handler) authorize(ctx context.Context, call *rest.Call, c *commandv1.Command) error {
	o := c.GetObject()
	a := access.Attributes{
		User: call.User, Verb: call.Verb, Namespace: o.GetNamespace(), APIGroup: o.GetGroup(), APIVersion: o.GetVersion(),
		Resource: o.GetResource(), Subresource: c.GetSubresource(), Name: o.GetName(),
	}
	allowed, reason, err := h.Authorize(ctx, a)
	switch {
	case err != nil:
		return access.Forbidden(&a, err.Error())
	case !allowed:
		return access.Forbidden(&a, reason)
	}
	return nil
}

// refusal is an error as its Status has it.
func refusal(err error) *commandv1.Result {
	s := rest.StatusOf(err)
	code := s.Code
	if code == 0 {
		code = http.StatusInternalServerError
	}
	return &commandv1.Result{Code: code, Reason: string(s.Reason), Message: s.Message}
}
