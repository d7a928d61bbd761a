package crd

import (
	"fmt"
	"math"
	"strings"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"taffrail.dev/gateway/kind"
)

var scaleKind = autoscalingv1.SchemeGroupVersion.WithKind("Scale")

func (v *version) subresources() []kind.Subresource {
	var out []kind.Subresource
	verbs := []string{"get", "patch", "update"}
	if v.status() {
		out = append(out, kind.Subresource{Name: "status", Verbs: verbs, Prepare: prepareStatus, Validate: v.validateStatus})
	}
	if v.Subresources != nil && v.Subresources.Scale != nil {
		out = append(out, kind.Subresource{
			Name: "scale", Verbs: verbs, GroupVersionKind: scaleKind, New: func() kind.Object { return new(autoscalingv1.Scale) },
			Read: v.readScale, Write: v.writeScale, Validate: v.validate,
		})
	}
	return out
}

// prepareStatus keeps everything of old but the status and who owns its fields.
func prepareStatus(obj, old kind.Object) {
	now := obj.(*kind.Custom)
	status, ok := now.Object["status"]
	managed := now.GetManagedFields()
	now.Object = old.DeepCopyObject().(*kind.Custom).Object
	now.SetManagedFields(managed)
	delete(now.Object, "status")
	if ok {
		now.Object["status"] = status
	}
}

// path is the steps of a JSON path without brackets: ".spec.replicas".
func path(text string) []string { return strings.Split(strings.TrimPrefix(text, "."), ".") }

func number(content map[string]any, text string) int32 {
	n, _, err := unstructured.NestedInt64(content, path(text)...)
	if err != nil {
		return 0
	}
	return int32(n)
}

func (v *version) readScale(obj kind.Object) kind.Object {
	s, c := v.Subresources.Scale, obj.(*kind.Custom).Object
	out := &autoscalingv1.Scale{
		ObjectMeta: metav1.ObjectMeta{
			Name: obj.GetName(), Namespace: obj.GetNamespace(), UID: obj.GetUID(),
			ResourceVersion: obj.GetResourceVersion(), CreationTimestamp: obj.GetCreationTimestamp(),
		},
		Spec:   autoscalingv1.ScaleSpec{Replicas: number(c, s.SpecReplicasPath)},
		Status: autoscalingv1.ScaleStatus{Replicas: number(c, s.StatusReplicasPath)},
	}
	if s.LabelSelectorPath != nil {
		if selector, _, err := unstructured.NestedString(c, path(*s.LabelSelectorPath)...); err == nil {
			out.Status.Selector = selector
		}
	}
	return out
}

func (v *version) writeScale(obj, body kind.Object) error {
	s := body.(*autoscalingv1.Scale)
	if s.Name != "" && s.Name != obj.GetName() {
		return apierrors.NewBadRequest(fmt.Sprintf("the name of the object (%s) does not match the name on the URL (%s)", s.Name, obj.GetName()))
	}
	if s.Spec.Replicas < 0 {
		return apierrors.NewInvalid(scaleKind.GroupKind(), obj.GetName(), field.ErrorList{
			field.Invalid(field.NewPath("spec", "replicas"), s.Spec.Replicas, "must be greater than or equal to 0"),
		})
	}
	return unstructured.SetNestedField(obj.(*kind.Custom).Object, int64(s.Spec.Replicas), path(v.Subresources.Scale.SpecReplicasPath)...)
}

// validateScale checks that what the scale subresource reads is what it takes it for.
func (v *version) validateScale(content map[string]any, spec bool) (errs field.ErrorList) {
	if v.Subresources == nil || v.Subresources.Scale == nil {
		return nil
	}
	s := v.Subresources.Scale
	if spec {
		errs = append(errs, replicas(content, s.SpecReplicasPath)...)
	}
	errs = append(errs, replicas(content, s.StatusReplicasPath)...)
	if s.LabelSelectorPath != nil {
		if selector, _, err := unstructured.NestedString(content, path(*s.LabelSelectorPath)...); err != nil {
			errs = append(errs, field.Invalid(field.NewPath(*s.LabelSelectorPath), selector, err.Error()))
		}
	}
	return errs
}

func replicas(content map[string]any, at string) field.ErrorList {
	n, _, err := unstructured.NestedInt64(content, path(at)...)
	var fault string
	switch {
	case err != nil:
		fault = err.Error()
	case n < 0:
		fault = "should be a non-negative integer"
	case n > math.MaxInt32:
		fault = fmt.Sprintf("should be less than or equal to %v", math.MaxInt32)
	default:
		return nil
	}
	return field.ErrorList{field.Invalid(field.NewPath(at), n, fault)}
}
