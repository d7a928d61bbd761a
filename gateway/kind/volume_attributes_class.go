package kind

import (
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func volumeAttributesClassKind() *Kind {
	type class = storagev1.VolumeAttributesClass
	return &Kind{
		GroupVersionKind: gvk("storage.k8s.io", "v1", "VolumeAttributesClass"), Resource: "volumeattributesclasses", ShortNames: []string{"vac"},
		New:      func() Object { return new(class) },
		NewList:  func() runtime.Object { return new(storagev1.VolumeAttributesClassList) },
		Validate: validates(validateVolumeAttributesClass),
		Columns: []Column{
			defaultName("volumeattributesclass.alpha.kubernetes.io/is-default-class"),
			text("DriverName", func(c *class) string { return c.DriverName }),
		},
	}
}

func validateVolumeAttributesClass(c, old *storagev1.VolumeAttributesClass) (errs field.ErrorList) {
	errs = validateProvisioner(c.DriverName, specPath.Child("driverName"))
	errs = append(errs, validateParameters(c.Parameters, specPath.Child("parameters"))...)
	if len(c.Parameters) == 0 {
		errs = append(errs, field.Required(specPath.Child("parameters"), "must contain at least one key/value pair"))
	}
	if old == nil {
		return errs
	}
	if c.DriverName != old.DriverName {
		errs = append(errs, field.Forbidden(field.NewPath("driverName"), "updates to driverName are forbidden."))
	}
	if !equality.Semantic.DeepEqual(c.Parameters, old.Parameters) {
		errs = append(errs, field.Forbidden(field.NewPath("parameters"), "updates to parameters are forbidden."))
	}
	return errs
}
