// Package command builds the commands that services and node agents send.
package command

import (
	"fmt"

	"taffrail.dev/events/subject"
	commandv1 "taffrail.dev/proto/gen/command/v1"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

// Content types of a command's body.
const (
	Protobuf       = "application/vnd.kubernetes.protobuf"
	JSON           = "application/json"
	MergePatch     = "application/merge-patch+json"
	StrategicPatch = "application/strategic-merge-patch+json"
)

// Marshaler is a Kubernetes API object.
type Marshaler interface{ Marshal() ([]byte, error) }

func body(m Marshaler) []byte {
	b, err := m.Marshal()
	if err != nil { // API types fail only on invalid UTF-8, which no decoder lets in
		panic(fmt.Sprintf("command: marshal %T: %v", m, err))
	}
	return b
}

func ref(o subject.Object) *eventv1.ObjectRef {
	return &eventv1.ObjectRef{Group: o.Group, Resource: o.Resource.Name, Namespace: o.Namespace, Name: o.Name}
}

// Create makes an object; with an empty name the object's generateName counts.
func Create(o subject.Object, obj Marshaler, reason string) *commandv1.Command {
	return &commandv1.Command{Verb: commandv1.Verb_CREATE, Object: ref(o), Body: body(obj), ContentType: Protobuf, Reason: reason}
}

// CreateSub creates a subresource: a binding, an eviction, a token.
func CreateSub(o subject.Object, sub string, obj Marshaler, reason string) *commandv1.Command {
	c := Create(o, obj, reason)
	c.Subresource = sub
	return c
}

// Update replaces an object, or with sub its subresource. The object's
// resourceVersion, if set, is a precondition.
func Update(o subject.Object, sub string, obj Marshaler, reason string) *commandv1.Command {
	return &commandv1.Command{Verb: commandv1.Verb_UPDATE, Object: ref(o), Subresource: sub, Body: body(obj), ContentType: Protobuf, Reason: reason}
}

// Patch patches an object or a subresource, in one of the patch types.
func Patch(o subject.Object, sub, contentType string, patch []byte, reason string) *commandv1.Command {
	return &commandv1.Command{Verb: commandv1.Verb_PATCH, Object: ref(o), Subresource: sub, Body: patch, ContentType: contentType, Reason: reason}
}

// Delete deletes an object of that uid ("" for any), with its kind's own grace and
// background propagation.
func Delete(o subject.Object, uid, reason string) *commandv1.Command {
	return &commandv1.Command{Verb: commandv1.Verb_DELETE, Object: ref(o), ExpectedUid: uid, GraceSeconds: -1, Propagation: "Background", Reason: reason}
}
