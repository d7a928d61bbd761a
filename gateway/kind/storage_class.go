package kind

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func storageClassKind() *Kind {
	type class = storagev1.StorageClass
	return &Kind{
		GroupVersionKind: gvk("storage.k8s.io", "v1", "StorageClass"), Resource: "storageclasses", ShortNames: []string{"sc"},
		New:     func() Object { return new(class) },
		NewList: func() runtime.Object { return new(storagev1.StorageClassList) },
		Default: on(func(c *class) {
			if c.ReclaimPolicy == nil {
				c.ReclaimPolicy = ptr(corev1.PersistentVolumeReclaimDelete)
			}
			if c.VolumeBindingMode == nil {
				c.VolumeBindingMode = ptr(storagev1.VolumeBindingImmediate)
			}
		}),
		Validate: validates(validateStorageClass),
		Columns: []Column{
			defaultName("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"),
			text("Provisioner", func(c *class) string { return c.Provisioner }),
			text("ReclaimPolicy", func(c *class) string { return orUnset(c.ReclaimPolicy, string(corev1.PersistentVolumeReclaimDelete)) }),
			text("VolumeBindingMode", func(c *class) string {
				return orUnset(c.VolumeBindingMode, string(storagev1.VolumeBindingImmediate))
			}),
			column("AllowVolumeExpansion", "string", 0, func(c *class, _ time.Time) any { return isTrue(c.AllowVolumeExpansion) }),
		},
	}
}

// defaultName is the column of names that tells which class is the default, by one of the annotations.
func defaultName(annotations ...string) Column {
	c := nameColumn
	c.Value = func(obj Object, _ time.Time) any {
		for _, a := range annotations {
			if obj.GetAnnotations()[a] == "true" {
				return obj.GetName() + " (default)"
			}
		}
		return obj.GetName()
	}
	return c
}

const (
	maxParameters     = 512
	maxParametersSize = 256 << 10
)

func validateStorageClass(c, old *storagev1.StorageClass) (errs field.ErrorList) {
	provisioner, reclaim, mode := field.NewPath("provisioner"), field.NewPath("reclaimPolicy"), field.NewPath("volumeBindingMode")
	if old != nil {
		errs = immutable(c.Parameters, old.Parameters, field.NewPath("parameters"))
		errs = append(errs, immutable(c.Provisioner, old.Provisioner, provisioner)...)
		errs = append(errs, immutable(c.ReclaimPolicy, old.ReclaimPolicy, reclaim)...)
		return append(errs, immutable(c.VolumeBindingMode, old.VolumeBindingMode, mode)...)
	}
	errs = validateProvisioner(c.Provisioner, provisioner)
	errs = append(errs, validateParameters(c.Parameters, field.NewPath("parameters"))...)
	if c.ReclaimPolicy != nil {
		errs = append(errs, oneOfOrEmpty(*c.ReclaimPolicy, reclaim, corev1.PersistentVolumeReclaimDelete, corev1.PersistentVolumeReclaimRetain)...)
	}
	if c.VolumeBindingMode == nil {
		errs = append(errs, field.Required(mode, ""))
	} else {
		errs = append(errs, oneOfOrUnsupported(*c.VolumeBindingMode, mode, storagev1.VolumeBindingImmediate, storagev1.VolumeBindingWaitForFirstConsumer)...)
	}
	return append(errs, validateTopologies(c.AllowedTopologies, field.NewPath("allowedTopologies"))...)
}

func validateProvisioner(name string, p *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(p, "")}
	}
	lower := strings.ToLower(name)
	return invalids(p, lower, qualifiedName(lower))
}

func validateParameters(m map[string]string, p *field.Path) (errs field.ErrorList) {
	if len(m) > maxParameters {
		return field.ErrorList{field.TooLong(p, "", maxParameters)}
	}
	size := 0
	for k, v := range m {
		if k == "" {
			errs = append(errs, field.Invalid(p, k, "field can not be empty."))
		}
		size += len(k) + len(v)
	}
	if size > maxParametersSize {
		errs = append(errs, field.TooLong(p, "", maxParametersSize))
	}
	return errs
}

// validateTopologies checks terms, of which no two say the same.
func validateTopologies(terms []corev1.TopologySelectorTerm, p *field.Path) (errs field.ErrorList) {
	var seen []map[string]sets.Set[string]
	for i, t := range terms {
		at := p.Index(i).Child("matchLabelExpressions")
		if len(t.MatchLabelExpressions) == 0 {
			errs = append(errs, field.Required(at, ""))
		}
		of := make(map[string]sets.Set[string], len(t.MatchLabelExpressions))
		for j, e := range t.MatchLabelExpressions {
			at, values := at.Index(j), sets.New[string]()
			if len(e.Values) == 0 {
				errs = append(errs, field.Required(at.Child("values"), ""))
			}
			for k, v := range e.Values {
				if values.Has(v) {
					errs = append(errs, field.Duplicate(at.Child("values").Index(k), v))
				}
				values.Insert(v)
			}
			errs = append(errs, invalids(at.Child("key"), e.Key, qualifiedName(e.Key))...)
			if of[e.Key] != nil {
				errs = append(errs, field.Duplicate(at.Child("key"), e.Key))
			}
			of[e.Key] = values
		}
		for _, s := range seen {
			if equality.Semantic.DeepEqual(of, s) {
				errs = append(errs, field.Duplicate(at, ""))
			}
		}
		seen = append(seen, of)
	}
	return errs
}
