package kind

import (
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func controllerRevisionKind() *Kind {
	type revision = appsv1.ControllerRevision
	return &Kind{
		GroupVersionKind: gvk("apps", "v1", "ControllerRevision"), Resource: "controllerrevisions", Namespaced: true,
		New:      func() Object { return new(revision) },
		NewList:  func() runtime.Object { return new(appsv1.ControllerRevisionList) },
		Validate: validates(validateControllerRevision),
		Columns: []Column{
			text("Controller", controllerOf[*revision]),
			column("Revision", "string", 0, func(r *revision, _ time.Time) any { return r.Revision }),
		},
	}
}

// controllerOf is an object's controller, "statefulset.apps/web".
func controllerOf[P Object](obj P) string {
	owner := metav1.GetControllerOf(obj)
	if owner == nil {
		return "<none>"
	}
	kind := schema.FromAPIVersionAndKind(owner.APIVersion, owner.Kind).GroupKind()
	return strings.ToLower(kind.String()) + "/" + owner.Name
}

func validateControllerRevision(r, old *appsv1.ControllerRevision) (errs field.ErrorList) {
	data := field.NewPath("data")
	if len(r.Data.Raw) == 0 && r.Data.Object == nil {
		errs = append(errs, field.Required(data, "data is mandatory"))
	}
	errs = append(errs, atLeastZero(r.Revision, field.NewPath("revision"))...)
	if old != nil {
		errs = append(errs, immutable(r.Data, old.Data, data)...)
	}
	return errs
}
