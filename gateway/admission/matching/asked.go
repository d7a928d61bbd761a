package matching

import (
	"bytes"
	"encoding/json"

	admissionv1 "k8s.io/api/admission/v1"
	registrationv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"taffrail.dev/gateway/kind"
)

// Asked is a write or connection as webhooks and policies see it. It is made once the first of them matches.
type Asked struct {
	Request   *kind.Request
	Operation registrationv1.OperationType
	// Kind is the body's: that of the object, or of a subresource's own body.
	Kind schema.GroupVersionKind

	// object is what is written, old what is stored; nil for none. For scale they are Scales.
	object, old runtime.Object
	// parent is the object behind a body that a subresource shows; body makes an empty one.
	parent kind.Object
	sub    *kind.Subresource

	// What is made of the objects when first needed.
	objectText, oldText []byte
	objectMap, oldMap   map[string]any
	request             map[string]any
}

// New is a write; obj and old are a plugin's.
func New(r *kind.Request, op registrationv1.OperationType, obj, old kind.Object) *Asked {
	a := &Asked{Request: r, Operation: op, Kind: r.Kind.GroupVersionKind, parent: obj}
	for i := range r.Kind.Subresources {
		if s := &r.Kind.Subresources[i]; r.Subresource != "" && s.Name == r.Subresource {
			a.sub = s
			if s.New != nil {
				a.Kind = s.GroupVersionKind
			}
		}
	}
	if obj != nil {
		a.object = a.shown(obj)
	}
	if old != nil {
		a.old = a.shown(old)
	}
	return a
}

// NewConnect is a connection.
func NewConnect(r *kind.Request, options runtime.Object) *Asked {
	return &Asked{Request: r, Operation: registrationv1.Connect, Kind: options.GetObjectKind().GroupVersionKind(), object: options}
}

func (a *Asked) shown(obj kind.Object) runtime.Object {
	if a.sub != nil && a.sub.Read != nil {
		return a.sub.Read(obj)
	}
	return obj
}

// HasObject says whether there is an object that can be changed.
func (a *Asked) HasObject() bool { return a.object != nil && a.Operation != registrationv1.Connect }

// body is an empty body.
func (a *Asked) body() kind.Object {
	if a.sub != nil && a.sub.New != nil {
		return a.sub.New()
	}
	return a.Request.Kind.New()
}

// ObjectText and OldText are the objects as JSON, nil for none.
func (a *Asked) ObjectText() ([]byte, error) { return textOf(&a.objectText, a.object, a.Kind) }

// OldText is the stored object as JSON.
func (a *Asked) OldText() ([]byte, error) { return textOf(&a.oldText, a.old, a.Kind) }

func textOf(text *[]byte, o runtime.Object, gvk schema.GroupVersionKind) (_ []byte, err error) {
	if *text != nil || o == nil {
		return *text, nil
	}
	plain, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	*text = typed(plain, o, gvk)
	return *text, nil
}

// typed puts kind and apiVersion in front. Stored objects are shared, so they cannot be set on the object.
func typed(plain []byte, o runtime.Object, gvk schema.GroupVersionKind) []byte {
	if !o.GetObjectKind().GroupVersionKind().Empty() || !bytes.HasPrefix(plain, []byte("{")) {
		return plain
	}
	head := []byte(`{"kind":"` + gvk.Kind + `","apiVersion":"` + gvk.GroupVersion().String() + `"`)
	if len(plain) > 2 {
		head = append(head, ',')
	}
	return append(head, plain[1:]...)
}

// ObjectMap and OldMap are the objects as CEL sees them, nil for none.
func (a *Asked) ObjectMap() (map[string]any, error) { return mapOf(&a.objectMap, a.object, a.Kind) }

// OldMap is the stored object as CEL sees it.
func (a *Asked) OldMap() (map[string]any, error) { return mapOf(&a.oldMap, a.old, a.Kind) }

func mapOf(m *map[string]any, o runtime.Object, gvk schema.GroupVersionKind) (_ map[string]any, err error) {
	if *m != nil || o == nil {
		return *m, nil
	}
	*m, err = MapOf(o, gvk)
	return *m, err
}

// MapOf is an object of a kind as CEL sees it.
func MapOf(o runtime.Object, gvk schema.GroupVersionKind) (map[string]any, error) {
	m, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		return nil, err
	}
	m["apiVersion"], m["kind"] = gvk.GroupVersion().String(), gvk.Kind
	return m, nil
}

// Review is the request of an AdmissionReview, without uid and objects.
func (a *Asked) Review() *admissionv1.AdmissionRequest {
	r := a.Request
	gvk, gvr := metav1.GroupVersionKind(a.Kind), metav1.GroupVersionResource(r.Kind.GroupVersionResource())
	dryRun := r.DryRun
	out := &admissionv1.AdmissionRequest{
		Kind: gvk, Resource: gvr, SubResource: r.Subresource, RequestKind: &gvk, RequestResource: &gvr, RequestSubResource: r.Subresource,
		Name: r.Name, Namespace: Namespace(r), Operation: admissionv1.Operation(a.Operation), DryRun: &dryRun,
		UserInfo: authenticationv1.UserInfo{Username: r.User.Name, UID: r.User.UID, Groups: r.User.Groups},
	}
	for key, values := range r.User.Extra {
		if out.UserInfo.Extra == nil {
			out.UserInfo.Extra = map[string]authenticationv1.ExtraValue{}
		}
		out.UserInfo.Extra[key] = values
	}
	if text := optionsText(r.Options); text != nil && a.Operation != registrationv1.Connect {
		out.Options.Raw = text
	}
	return out
}

// optionsText is a request's options as JSON, with their kind.
func optionsText(options any) []byte {
	var gvk schema.GroupVersionKind
	switch options.(type) {
	case *metav1.CreateOptions:
		gvk = metav1.SchemeGroupVersion.WithKind("CreateOptions")
	case *metav1.UpdateOptions:
		gvk = metav1.SchemeGroupVersion.WithKind("UpdateOptions")
	case *metav1.PatchOptions:
		gvk = metav1.SchemeGroupVersion.WithKind("PatchOptions")
	case *metav1.DeleteOptions:
		gvk = metav1.SchemeGroupVersion.WithKind("DeleteOptions")
	default:
		return nil
	}
	o := options.(runtime.Object)
	plain, err := json.Marshal(o)
	if err != nil {
		return nil
	}
	return typed(plain, o, gvk)
}

// RequestMap is the request variable of expressions.
func (a *Asked) RequestMap() (_ map[string]any, err error) {
	if a.request != nil {
		return a.request, nil
	}
	a.request, err = runtime.DefaultUnstructuredConverter.ToUnstructured(a.Review())
	return a.request, err
}
