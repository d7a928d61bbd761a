package kind

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apiextensions-apiserver/pkg/apihelpers"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	schemavalidation "k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"taffrail.dev/events/subject"
)

// CustomResourceDefinitions is the resource whose objects define kinds.
var CustomResourceDefinitions = subject.Resource{Group: apiextensionsv1.GroupName, Name: "customresourcedefinitions"}

// formatsOf is the release whose formats a schema may use without a warning.
var formatsOf = version.MajorMinor(1, 37)

func customResourceDefinitionKind(h Hooks) *Kind {
	now := h.Now
	if now == nil {
		now = time.Now
	}
	return &Kind{
		GroupVersionKind: gvk(apiextensionsv1.GroupName, "v1", "CustomResourceDefinition"), Resource: CustomResourceDefinitions.Name,
		ShortNames: []string{"crd", "crds"}, Categories: []string{"api-extensions"},
		New:              func() Object { return new(apiextensionsv1.CustomResourceDefinition) },
		NewList:          func() runtime.Object { return new(apiextensionsv1.CustomResourceDefinitionList) },
		Default:          on(apiextensionsv1.SetObjectDefaults_CustomResourceDefinition),
		Prepare:          prepares(prepareDefinition),
		Spec:             part(func(d *apiextensionsv1.CustomResourceDefinition) any { return &d.Spec }),
		Validate:         validates(validateDefinition),
		Warnings:         warns(warnOfDefinition),
		Allocate:         allocateDefinition(now),
		DeleteFinalizers: definitionFinalizers,
		Deleting:         on(func(d *apiextensionsv1.CustomResourceDefinition) { deletingDefinition(d, now()) }),
		Columns: []Column{column("Created At", "date", 0, func(d *apiextensionsv1.CustomResourceDefinition, _ time.Time) any {
			return d.CreationTimestamp.UTC().Format(time.RFC3339)
		})},
		Subresources: []Subresource{status(func(d, old *apiextensionsv1.CustomResourceDefinition) { d.Spec = old.Spec }, validateDefinitionStatus)},
	}
}

// prepareDefinition keeps the status, and notes the version that objects are stored at from now on.
func prepareDefinition(d, old *apiextensionsv1.CustomResourceDefinition) {
	d.Status = apiextensionsv1.CustomResourceDefinitionStatus{}
	if old != nil {
		d.Status = *old.Status.DeepCopy()
	}
	for _, v := range d.Spec.Versions {
		if v.Storage && !slices.Contains(d.Status.StoredVersions, v.Name) {
			d.Status.StoredVersions = append(d.Status.StoredVersions, v.Name)
		}
	}
}

// internal is a definition as its rules see it.
func internal(d *apiextensionsv1.CustomResourceDefinition) (*apiextensions.CustomResourceDefinition, field.ErrorList) {
	out := &apiextensions.CustomResourceDefinition{}
	if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(d.DeepCopy(), out, nil); err != nil {
		return nil, field.ErrorList{field.InternalError(nil, err)}
	}
	return out, nil
}

func validateDefinition(d, old *apiextensionsv1.CustomResourceDefinition) field.ErrorList {
	now, errs := internal(d)
	if errs != nil {
		return errs
	}
	if old == nil {
		return beyondMetadata(validation.ValidateCustomResourceDefinition(context.Background(), now))
	}
	was, errs := internal(old)
	if errs != nil {
		return errs
	}
	return beyondMetadata(validation.ValidateCustomResourceDefinitionUpdate(context.Background(), now, was))
}

func validateDefinitionStatus(d, old *apiextensionsv1.CustomResourceDefinition) field.ErrorList {
	now, errs := internal(d)
	if errs != nil {
		return errs
	}
	was, errs := internal(old)
	if errs != nil {
		return errs
	}
	return beyondMetadata(validation.ValidateUpdateCustomResourceDefinitionStatus(context.Background(), now, was))
}

// beyondMetadata leaves out what is said of every object's metadata by others.
func beyondMetadata(all field.ErrorList) field.ErrorList {
	return slices.DeleteFunc(all, func(e *field.Error) bool {
		own := strings.Contains(e.Detail, "spec.names.plural") || strings.Contains(e.Field, apiextensionsv1.KubeAPIApprovedAnnotation)
		return strings.HasPrefix(e.Field, "metadata.") && !own
	})
}

// warnOfDefinition tells what a definition says newly that will have no effect, or none that was meant.
func warnOfDefinition(d, old *apiextensionsv1.CustomResourceDefinition) []string {
	formats, lists := oddities(d)
	var oldFormats, oldLists []string
	if old != nil {
		oldFormats, oldLists = oddities(old)
	}
	var out []string
	for _, f := range formats {
		if !slices.Contains(oldFormats, f) {
			out = append(out, fmt.Sprintf("unrecognized format %q", f))
		}
	}
	for _, l := range lists {
		if !slices.Contains(oldLists, l) {
			out = append(out, fmt.Sprintf("x-kubernetes-list-type: set for items of type %q is not supported by server-side apply or CEL validation rules", l))
		}
	}
	return out
}

// oddities are the formats that nobody knows, in order, and the types of sets' items that are no scalars.
func oddities(d *apiextensionsv1.CustomResourceDefinition) (formats, items []string) {
	in, errs := internal(d)
	if errs != nil {
		return nil, nil
	}
	types := sets.New[string]()
	validation.HasSchemaWith(&in.Spec, func(root *apiextensions.JSONSchemaProps) bool {
		return validation.SchemaHas(root, func(s *apiextensions.JSONSchemaProps) bool {
			if s.Format != "" {
				one := &spec.Schema{SchemaProps: spec.SchemaProps{Format: s.Format, Type: []string{s.Type}}}
				formats = append(formats, schemavalidation.GetUnrecognizedFormats(one, formatsOf)...)
			}
			if s.XListType != nil && *s.XListType == "set" && s.Items != nil && s.Items.Schema != nil {
				if t := s.Items.Schema.Type; t == "object" || t == "array" {
					types.Insert(t)
				}
			}
			return false
		})
	})
	return formats, sets.List(types)
}

// definitionFinalizers holds a definition whose deletion has just been asked for, until its objects have
// been looked for.
func definitionFinalizers(obj Object) []string {
	d := obj.(*apiextensionsv1.CustomResourceDefinition)
	if d.DeletionTimestamp == nil || apihelpers.FindCRDCondition(d, apiextensionsv1.Terminating) != nil {
		return nil
	}
	return []string{apiextensionsv1.CustomResourceCleanupFinalizer}
}

// deletingDefinition has the objects deleted before their definition.
func deletingDefinition(d *apiextensionsv1.CustomResourceDefinition, now time.Time) {
	if apihelpers.FindCRDCondition(d, apiextensionsv1.Terminating) != nil {
		return
	}
	if !slices.Contains(d.Finalizers, apiextensionsv1.CustomResourceCleanupFinalizer) {
		d.Finalizers = append(d.Finalizers, apiextensionsv1.CustomResourceCleanupFinalizer)
	}
	SetDefinitionCondition(d, apiextensionsv1.CustomResourceDefinitionCondition{
		Type: apiextensionsv1.Terminating, Status: apiextensionsv1.ConditionTrue, Reason: "InstanceDeletionPending",
		Message: "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
	}, metav1.NewTime(now.Truncate(time.Second)))
}
