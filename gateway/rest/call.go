package rest

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"taffrail.dev/gateway/kind"
	"taffrail.dev/gateway/view"
	commandv1 "taffrail.dev/proto/gen/command/v1"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

// Call is one request, whichever front it came by.
type Call struct {
	kind.Request

	// Body in ContentType: an object, a patch, or delete options.
	Body        []byte
	ContentType string
	// FieldManager names the owner of what is written; empty takes it from UserAgent.
	FieldManager string
	// Force takes fields over from other managers (apply).
	Force bool
	// FieldValidation is Strict, Warn or Ignore; empty is Warn.
	FieldValidation string
	Delete          metav1.DeleteOptions
	// Expect is a precondition on the object's sequence, ExpectUID on its uid; zero for none.
	Expect    uint64
	ExpectUID string

	UserAgent, SourceAddress string
	// ID makes a repeat of the call harmless; empty for none.
	ID                 string
	Cause, Correlation uint64
	Reason             string
	// Detail explains the event; nil for none.
	Detail *commandv1.Command

	served *served
	sub    *kind.Subresource
	table  *view.Table
}

// Reply is the answer to a Call that was not refused: an object, or a Status of success.
type Reply struct {
	Code int
	// Sequence of the object afterwards; 0 if nothing is stored.
	Sequence uint64
	Status   *metav1.Status

	gvk    schema.GroupVersionKind
	wire   *wire
	object kind.Object
	// proto is the object versioned, without magic; nil to encode object.
	proto []byte
	// entry is of the kind served.
	entry  *view.Entry
	served *served
}

// Proto is the answer's object in Kubernetes protobuf without the magic, nil for a Status.
func (r *Reply) Proto() ([]byte, error) {
	switch {
	case r.proto != nil:
		return r.proto, nil
	case r.entry != nil:
		return r.served.proto(r.entry)
	case r.object != nil:
		return r.object.Marshal()
	}
	return nil, nil
}

// Object is the answer's object, to be read only; nil for a Status.
func (r *Reply) Object() (kind.Object, error) {
	if r.object == nil && r.entry != nil {
		return r.served.object(r.entry)
	}
	return r.object, nil
}

func (c *Call) reply(code int, object kind.Object, sequence uint64, proto []byte) *Reply {
	return &Reply{Code: code, Sequence: sequence, gvk: c.served.gvk, wire: &c.served.wire, object: object, proto: proto}
}

func (c *Call) replyEntry(e *view.Entry) *Reply {
	return &Reply{Code: 200, Sequence: e.Sequence, gvk: c.served.gvk, wire: &c.served.wire, entry: e, served: c.served}
}

func (c *Call) actor() *eventv1.Actor {
	return &eventv1.Actor{
		User: c.User.Name, Groups: c.User.Groups, UserAgent: c.UserAgent,
		SourceAddress: c.SourceAddress, Impersonator: c.User.Impersonator,
	}
}

// manager is the field manager of the call.
func (c *Call) manager() string {
	if c.FieldManager != "" {
		return c.FieldManager
	}
	return prefixOfUserAgent(c.UserAgent)
}

// textual says whether the call is about objects that have no protobuf.
func (c *Call) textual() bool { return c.served.Text != nil && (c.sub == nil || c.sub.New == nil) }

// shown answers with a subresource's own kind.
func (c *Call) shown(body kind.Object, sequence uint64) *Reply {
	w := newWire(c.sub.GroupVersionKind)
	return &Reply{Code: 200, Sequence: sequence, gvk: c.sub.GroupVersionKind, wire: &w, object: body}
}
