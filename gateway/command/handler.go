package command

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"go.uber.org/zap"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/access"
	"taffrail.dev/gateway/kind"
	"taffrail.dev/gateway/rest"
	commandv1 "taffrail.dev/proto/gen/command/v1"
)

// timeout bounds one command.
const timeout = 30 * time.Second

// Handler carries out commands.
type Handler struct {
	Server *rest.Server
	// Authorize decides as for HTTP; nil allows all.
	Authorize access.Authorize
	// Log gets panics; nil for none.
	Log *zap.Logger

	repeats repeats
}

// Handle answers an actor's command: {"deployment"} is user system:taffrail:deployment, {"node", "a"} is
// system:node:a. A repeat of a command that succeeded is answered with the first answer. One that panics
// is refused, as a request over HTTP is: it must not end the gateway.
func (h *Handler) Handle(ctx context.Context, actor []string, c *commandv1.Command) (answer *commandv1.Result) {
	defer func() {
		if fault := recover(); fault != nil {
			if h.Log != nil {
				h.Log.Error("command panicked", zap.Any("panic", fault), zap.Strings("actor", actor), zap.ByteString("stack", debug.Stack()))
			}
			answer = refusal(apierrors.NewInternalError(errors.New("this command caused the gateway to panic; its log has the details")))
		}
	}()
	if r := h.repeats.get(actor, c.GetId()); r != nil {
		return r
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	result, err := h.do(ctx, userOf(actor), c)
	if err != nil {
		return refusal(err)
	}
	h.repeats.put(actor, c.GetId(), result)
	return result
}

// userOf is who an actor is to the rest of the gateway.
func userOf(actor []string) kind.User {
	if len(actor) == 2 && actor[0] == subject.NodeActor {
		return access.NodeUser(actor[1])
	}
	return access.ServiceUser(strings.Join(actor, ":"))
}

var verbs = map[commandv1.Verb]string{
	commandv1.Verb_CREATE: "create", commandv1.Verb_UPDATE: "update", commandv1.Verb_PATCH: "patch",
	commandv1.Verb_DELETE: "delete", commandv1.Verb_GET: "get",
}

func (h *Handler) do(ctx context.Context, user kind.User, c *commandv1.Command) (*commandv1.Result, error) {
	ref := c.GetObject()
	object := subject.Object{
		Resource:  subject.Resource{Group: ref.GetGroup(), Name: ref.GetResource()},
		Namespace: ref.GetNamespace(), Name: ref.GetName(),
	}
	call := &rest.Call{
		Body: c.GetBody(), ContentType: c.GetContentType(), FieldManager: c.GetFieldManager(), Force: c.GetForce(),
		FieldValidation: metav1.FieldValidationIgnore,
		Expect:          c.GetExpectedSequence(), ExpectUID: c.GetExpectedUid(),
		ID: c.GetId(), Cause: c.GetCause(), Correlation: c.GetCorrelation(), Reason: c.GetReason(), Detail: c,
		UserAgent: agentOf(user.Name),
	}
	call.User, call.Verb = user, verbs[c.GetVerb()]
	if call.Verb == "delete" {
		call.Delete = deleteOptions(c)
		call.Body = nil
	}
	call.Options = optionsOf(call)
	if err := h.Server.Resolve(call, object, ref.GetVersion(), c.GetSubresource()); err != nil {
		return nil, err
	}
	leave, err := h.Server.Enter(ctx, call)
	if err != nil {
		return nil, err
	}
	defer leave()
	if err := h.authorize(ctx, call, ref.GetName()); err != nil {
		return nil, err
	}
	reply, err := h.Server.Do(kind.WithUser(ctx, user), call)
	if err != nil {
		return nil, err
	}
	return resultOf(reply)
}

func (h *Handler) authorize(ctx context.Context, c *rest.Call, name string) error {
	if h.Authorize == nil {
		return nil
	}
	a := access.Attributes{
		User: c.User, Verb: c.Verb, Namespace: c.Namespace, APIGroup: c.Kind.Group, APIVersion: c.Kind.Version,
		Resource: c.Kind.Resource, Subresource: c.Subresource, Name: name,
	}
	allowed, reason, err := h.Authorize(ctx, a)
	if err != nil {
		return access.Forbidden(&a, err.Error())
	}
	if !allowed {
		return access.Forbidden(&a, reason)
	}
	return nil
}

// agentOf names the sender as a client: "deployment" of system:taffrail:deployment.
func agentOf(user string) string { return user[strings.LastIndexByte(user, ':')+1:] }

func optionsOf(c *rest.Call) any {
	switch c.Verb {
	case "create":
		return &metav1.CreateOptions{FieldManager: c.FieldManager}
	case "update":
		return &metav1.UpdateOptions{FieldManager: c.FieldManager}
	case "patch":
		return &metav1.PatchOptions{FieldManager: c.FieldManager}
	}
	return &c.Delete
}

func deleteOptions(c *commandv1.Command) metav1.DeleteOptions {
	var o metav1.DeleteOptions
	if grace := c.GetGraceSeconds(); grace >= 0 {
		o.GracePeriodSeconds = &grace
	}
	if policy := metav1.DeletionPropagation(c.GetPropagation()); policy != "" {
		o.PropagationPolicy = &policy
	}
	return o
}

func resultOf(r *rest.Reply) (*commandv1.Result, error) {
	object, err := r.Proto()
	if err != nil {
		return nil, fmt.Errorf("encode the answer: %w", err)
	}
	return &commandv1.Result{Sequence: r.Sequence, Object: object, Code: int32(r.Code)}, nil
}

func refusal(err error) *commandv1.Result {
	status := rest.StatusOf(err)
	return &commandv1.Result{Code: status.Code, Reason: string(status.Reason), Message: status.Message}
}
