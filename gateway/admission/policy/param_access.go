package policy

import (
	"context"
	"fmt"
	"reflect"

	registrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"taffrail.dev/gateway/access"
	"taffrail.dev/gateway/admission"
	"taffrail.dev/gateway/kind"
)

// paramAccess lets nobody write a policy about parameters that they may not read themselves: its messages
// could tell what is in them.
type paramAccess struct{ *Policies }

var _ admission.Validator = paramAccess{}

// ParamAccess is the plugin that guards parameters.
func (p *Policies) ParamAccess() admission.Plugin { return paramAccess{p} }

// Name is the plugin's.
func (paramAccess) Name() string { return "PolicyParamAccess" }

// Admit does nothing.
func (paramAccess) Admit(context.Context, *kind.Request, kind.Object, kind.Object) error { return nil }

// Validate refuses a policy or a binding whose writer may not read its parameters, unless it had them before.
func (p paramAccess) Validate(ctx context.Context, r *kind.Request, obj, old kind.Object) error {
	of, ref := paramsOf(obj)
	if of == nil && ref == nil || r.Subresource != "" || p.config.Authorize == nil {
		return nil
	}
	if wasOf, wasRef := paramsOf(old); old != nil && reflect.DeepEqual(of, wasOf) && reflect.DeepEqual(ref, wasRef) {
		return nil
	}
	at := field.NewPath("spec", "paramKind")
	if ref != nil {
		at = field.NewPath("spec", "paramRef")
		if of = p.kindOfBound(obj); of == nil {
			of = &registrationv1.ParamKind{APIVersion: "*/*", Kind: "*"} // whatever it will be
		}
	}
	if text := p.unreadable(ctx, r, of, ref); text != "" {
		return apierrors.NewInvalid(r.Kind.GroupVersionKind.GroupKind(), obj.GetName(), field.ErrorList{field.Forbidden(at, text)})
	}
	return nil
}

// paramsOf is a policy's kind of parameters, or a binding's reference to them.
func paramsOf(obj kind.Object) (*registrationv1.ParamKind, *registrationv1.ParamRef) {
	switch o := obj.(type) {
	case *registrationv1.ValidatingAdmissionPolicy:
		return o.Spec.ParamKind, nil
	case *registrationv1.MutatingAdmissionPolicy:
		return o.Spec.ParamKind, nil
	case *registrationv1.ValidatingAdmissionPolicyBinding:
		return nil, o.Spec.ParamRef
	case *registrationv1.MutatingAdmissionPolicyBinding:
		return nil, o.Spec.ParamRef
	}
	return nil, nil
}

// kindOfBound is the kind of parameters of the policy that a binding names, nil if it is not there.
func (p *Policies) kindOfBound(obj kind.Object) *registrationv1.ParamKind {
	var bound kind.Object
	switch b := obj.(type) {
	case *registrationv1.ValidatingAdmissionPolicyBinding:
		bound, _ = p.config.Objects.Get(kind.ValidatingPolicies, "", b.Spec.PolicyName)
	case *registrationv1.MutatingAdmissionPolicyBinding:
		bound, _ = p.config.Objects.Get(kind.MutatingPolicies, "", b.Spec.PolicyName)
	}
	of, _ := paramsOf(bound)
	return of
}

// unreadable is what a user may not read of parameters, "" if nothing.
func (p *Policies) unreadable(ctx context.Context, r *kind.Request, of *registrationv1.ParamKind, ref *registrationv1.ParamRef) string {
	a := access.Attributes{User: r.User, Verb: "get", APIGroup: "*", APIVersion: "*", Resource: "*", Namespace: "*", Name: "*"}
	if gv, err := schema.ParseGroupVersion(of.APIVersion); err == nil {
		a.APIGroup, a.APIVersion = gv.Group, gv.Version
		if k := p.kinds[gv.WithKind(of.Kind)]; k != nil {
			a.Resource = k.Resource
		}
	}
	what := "all objects of the referenced paramKind"
	if ref != nil {
		what = "the object being referenced by this paramRef"
		if ref.Name != "" {
			a.Name = ref.Name
		}
		if ref.Namespace != "" {
			a.Namespace = ref.Namespace
		}
	}
	allowed, _, err := p.config.Authorize(ctx, a)
	switch {
	case err != nil:
		return "failed to authorize request: " + err.Error()
	case allowed:
		return ""
	}
	return fmt.Sprintf(`user %v must have "get" permission on %s (kind=%s, apiVersion=%s)`, r.User.Name, what, of.Kind, of.APIVersion)
}
