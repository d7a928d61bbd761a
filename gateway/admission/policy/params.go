package policy

import (
	"context"
	"errors"
	"fmt"

	registrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/admission/matching"
	"taffrail.dev/gateway/kind"
)

// fresh is a Reader that can be waited for.
type fresh interface {
	CatchUp(ctx context.Context, r subject.Resource) error
}

// parameters are what a policy is evaluated with for a binding, one evaluation each: a single nil where
// there are no parameters. The error is a fault of the binding.
func (p *Policies) parameters(ctx context.Context, r *kind.Request, of *registrationv1.ParamKind, ref *registrationv1.ParamRef) ([]map[string]any, error) {
	if of == nil || ref == nil {
		return []map[string]any{nil}, nil
	}
	k, namespace, err := p.paramKind(r, of, ref)
	if err != nil {
		return nil, err
	}
	found, err := p.find(ctx, r, k, namespace, ref)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 && ref.ParameterNotFoundAction != nil && *ref.ParameterNotFoundAction == registrationv1.DenyAction {
		return nil, errors.New("no params found for policy binding with `Deny` parameterNotFoundAction")
	}
	params := make([]map[string]any, len(found))
	for i, obj := range found {
		if params[i], err = matching.MapOf(obj, k.GroupVersionKind); err != nil {
			return nil, err
		}
	}
	return params, nil
}

// paramKind is the parameters' kind and the namespace they are in.
func (p *Policies) paramKind(r *kind.Request, of *registrationv1.ParamKind, ref *registrationv1.ParamRef) (*kind.Kind, string, error) {
	k := p.kinds[schema.FromAPIVersionAndKind(of.APIVersion, of.Kind)]
	switch {
	case k == nil:
		return nil, "", fmt.Errorf("paramKind kind `%v` not known", of)
	case !k.Namespaced && ref.Namespace != "":
		return nil, "", errors.New("paramRef.namespace must not be provided for a cluster-scoped `paramKind`")
	case !k.Namespaced:
		return k, "", nil
	case ref.Namespace != "":
		return k, ref.Namespace, nil
	case matching.Namespace(r) == "":
		return nil, "", errors.New("cannot use namespaced paramRef in policy binding that matches cluster-scoped resources")
	}
	return k, matching.Namespace(r), nil
}

func (p *Policies) find(ctx context.Context, r *kind.Request, k *kind.Kind, namespace string, ref *registrationv1.ParamRef) ([]kind.Object, error) {
	resource := k.SubjectResource()
	if ref.Name == "" {
		selector, err := metav1.LabelSelectorAsSelector(ref.Selector)
		if err != nil {
			return nil, err
		}
		var found []kind.Object
		for _, obj := range r.Reader.List(resource, namespace) {
			if selector.Matches(labels.Set(obj.GetLabels())) {
				found = append(found, obj)
			}
		}
		return found, nil
	}
	obj, ok := r.Reader.Get(resource, namespace, ref.Name)
	if f, can := r.Reader.(fresh); !ok && can {
		if err := f.CatchUp(ctx, resource); err != nil {
			return nil, err
		}
		obj, ok = r.Reader.Get(resource, namespace, ref.Name)
	}
	if !ok {
		return nil, nil
	}
	return []kind.Object{obj}, nil
}
