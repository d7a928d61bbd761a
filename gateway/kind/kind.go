// Package kind describes the API's kinds, a file per kind. A Kind is data and pure
// functions; everything that makes it an API (routing, storage, watch, tables) is in rest.
package kind

import (
	"context"
	"net/http"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"taffrail.dev/events/subject"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

// Object is an API object as the gateway handles it: a pointer to a k8s.io/api type.
type Object interface {
	metav1.Object
	runtime.Object
	Marshal() ([]byte, error)
	Unmarshal([]byte) error
	Size() int
}

// Kind is one served kind at its storage version.
type Kind struct {
	schema.GroupVersionKind
	// Resource is the plural, "pods"; Singular is empty for the lower-case kind.
	Resource, Singular     string
	ShortNames, Categories []string
	Namespaced             bool
	// Verbs served; nil is all of create, delete, deletecollection, get, list, patch, update, watch.
	Verbs []string
	// Internal kinds are stored but not served.
	Internal bool

	New     func() Object
	NewList func() runtime.Object

	// Default fills in what the user left out; nil for none. It runs on every write
	// and every decode of a user's object, before Prepare.
	Default func(obj Object)
	// Prepare makes obj what may be stored: on create (old nil) drops status, on update keeps
	// status and immutable fields of old. Generation is bumped by rest when Spec differs.
	Prepare func(obj, old Object)
	// Spec is the part whose change bumps metadata.generation; nil for kinds
	// without one.
	Spec func(obj Object) any
	// Validate checks obj against the rules of create (old nil) or update.
	// ObjectMeta's general rules are rest's.
	Validate func(obj, old Object) field.ErrorList
	// NameRule checks metadata.name; nil is a DNS-1123 subdomain.
	NameRule func(name string, prefix bool) []string
	// Warnings for the client about a valid object; nil for none.
	Warnings func(obj, old Object) []string

	// Allocate runs last before the append of a create, update or final delete (obj nil): it may set fields of
	// obj (cluster IPs, node ports) and add companion writes that are appended in the same atomic batch.
	Allocate func(tx Tx, obj, old Object) error
	// Grace is the seconds of graceful deletion for a request's
	// gracePeriodSeconds (nil if absent); nil func for kinds deleted at once.
	Grace func(obj Object, asked *int64) int64
	// DeleteFinalizers returns the finalizers that a deletion waits for beside metadata's (a namespace's
	// spec.finalizers): the object is removed once both are empty.
	DeleteFinalizers func(obj Object) []string
	// Deleting changes obj when its deletion is requested and has to wait (a namespace's
	// phase becomes Terminating); nil for none.
	Deleting func(obj Object)

	// Selectable are the field labels beside metadata.name and metadata.namespace,
	// and obj's values.
	SelectableFields []string
	Selectable       func(obj Object) map[string]string
	// Columns of kubectl's table, in order. Table adds Name in front, and Age before the first column of
	// priority 1, where Columns does not have them itself.
	Columns []Column
	// Ageless kinds have no column of age.
	Ageless bool
	// What names a change for the journal; nil or UNSPECIFIED lets rest decide by comparing.
	What func(obj, old Object, subresource string) eventv1.What

	Subresources []Subresource
	// Review makes a kind virtual: a create is answered by this and nothing is stored.
	Review func(ctx context.Context, r *Request, obj Object) (Object, error)
}

// Stream is where the kind's events are.
func (k *Kind) Stream() subject.Stream { return subject.StreamOf(k.SubjectResource()) }

// SubjectResource is the kind's resource on the bus.
func (k *Kind) SubjectResource() subject.Resource {
	return subject.Resource{Group: k.Group, Name: k.Resource}
}

// GroupVersionResource is the kind's resource.
func (k *Kind) GroupVersionResource() schema.GroupVersionResource {
	return k.GroupVersion().WithResource(k.Resource)
}

// Column is one column of a table.
type Column struct {
	// Name as kubectl heads it; Type and Format as in OpenAPI ("string", "integer", ...).
	Name, Type, Format, Description string
	// Priority 0 is always shown, 1 with -o wide.
	Priority int32
	Value    func(obj Object, now time.Time) any
}

// Subresource is one of: a view of the object that is read and written (Prepare), something created on
// it (Create), or a connection (Connect).
type Subresource struct {
	Name string
	// Verbs served, e.g. get, patch, update for status.
	Verbs []string
	// Kind of the body where it is not the object's own (Scale, Binding, Eviction, TokenRequest).
	GroupVersionKind schema.GroupVersionKind
	New              func() Object

	// Prepare keeps of old everything that this subresource may not change
	// (status: all but status and its managed fields).
	Prepare func(obj, old Object)
	// Validate checks the object after Prepare.
	Validate func(obj, old Object) field.ErrorList

	// Read shows obj as the subresource's kind, Write applies such a body to obj (scale).
	Read  func(obj Object) Object
	Write func(obj, body Object) error

	// Create handles a create on the subresource: it changes obj (a private copy of the stored object; it is
	// appended if changed) or calls tx, and returns the answer (nil for a Status of success). details may be filled in
	// for the event by the command's detail. Where it sets obj's deletionTimestamp (an eviction), rest goes on
	// as for a delete: an object without finalizers and with deletionGracePeriodSeconds 0 is removed.
	Create func(ctx context.Context, r *Request, tx Tx, obj, body Object) (Object, error)

	// Connect serves a streaming subresource (log, exec, attach, portforward, proxy).
	Connect func(r *Request, obj Object) (http.Handler, error)
}

// Request is who asks what, as kinds and admission see it.
type Request struct {
	User            User
	Verb            string
	Kind            *Kind
	Subresource     string
	Namespace, Name string
	DryRun          bool
	// Options is the decoded CreateOptions, UpdateOptions, PatchOptions or DeleteOptions.
	Options any
	HTTP    *http.Request
	Now     time.Time
	// Warn adds a Warning header.
	Warn func(text string)
	// Reader reads other kinds as of now.
	Reader Reader
}

// User is an authenticated user.
type User struct {
	Name, UID string
	Groups    []string
	Extra     map[string][]string
	// Impersonator is the real user behind an impersonation.
	Impersonator string
}

// Reader reads objects of any kind from the gateway's views. What it returns is
// shared and must not be changed.
type Reader interface {
	Get(r subject.Resource, namespace, name string) (Object, bool)
	// List is a namespace's objects ("" for all), by namespace and name.
	List(r subject.Resource, namespace string) []Object
}

// Tx collects what one request writes: all of it is appended together or none.
type Tx interface {
	Reader
	// Create adds the create of a companion object, Delete its removal, Update its change. If
	// one loses a race the whole request is decided again from the start, so
	// an allocator just picks what looks free.
	Create(r subject.Resource, obj Object)
	Update(r subject.Resource, obj Object)
	Delete(r subject.Resource, namespace, name string)
}

type userKey struct{}

// WithUser is a context that carries the user of a request.
func WithUser(ctx context.Context, u User) context.Context {
	return context.WithValue(ctx, userKey{}, u)
}

// UserFrom is the user that a context carries; false for none.
func UserFrom(ctx context.Context) (User, bool) {
	u, ok := ctx.Value(userKey{}).(User)
	return u, ok
}
