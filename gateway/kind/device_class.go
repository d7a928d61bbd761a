package kind

import (
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func deviceClassKind() *Kind {
	type class = resourcev1.DeviceClass
	return &Kind{
		GroupVersionKind: gvk(resourcev1.GroupName, "v1", "DeviceClass"), Resource: "deviceclasses",
		New:      func() Object { return new(class) },
		NewList:  func() runtime.Object { return new(resourcev1.DeviceClassList) },
		Spec:     part(func(c *class) any { return &c.Spec }),
		Validate: validates(func(c, _ *class) field.ErrorList { return validateDeviceClass(&c.Spec) }),
	}
}

func validateDeviceClass(s *resourcev1.DeviceClassSpec) (errs field.ErrorList) {
	errs = validateDeviceSelectors(s.Selectors, specPath.Child("selectors"))
	errs = append(errs, each(s.Config, resourcev1.DeviceConfigMaxSize, specPath.Child("config"),
		func(c resourcev1.DeviceClassConfiguration, p *field.Path) field.ErrorList {
			return validateDeviceConfig(&c.DeviceConfiguration, p)
		})...)
	if name := s.ExtendedResourceName; name != nil {
		if n := corev1.ResourceName(*name); !isExtended(n) || len(qualifiedName(*name)) > 0 {
			errs = append(errs, field.Invalid(specPath.Child("extendedResourceName"), *name, "must be a valid extended resource name"))
		}
	}
	return errs
}

func validateDeviceSelectors(selectors []resourcev1.DeviceSelector, p *field.Path) field.ErrorList {
	return each(selectors, resourcev1.DeviceSelectorsMaxSize, p, func(s resourcev1.DeviceSelector, p *field.Path) field.ErrorList {
		if s.CEL == nil {
			return field.ErrorList{field.Required(p.Child("cel"), "")}
		}
		return validateDeviceExpression(s.CEL.Expression, p.Child("cel", "expression"))
	})
}

func validateDeviceConfig(c *resourcev1.DeviceConfiguration, p *field.Path) field.ErrorList {
	at := p.Child("opaque")
	if c.Opaque == nil {
		return field.ErrorList{field.Required(at, "")}
	}
	errs := validateDriverName(c.Opaque.Driver, at.Child("driver"))
	return append(errs, validateRawObject(c.Opaque.Parameters.Raw, resourcev1.OpaqueParametersMaxLength, at.Child("parameters"))...)
}
