package kind

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/diff"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateClaim(c, old *corev1.PersistentVolumeClaim) field.ErrorList {
	errs := validateClaimSpec(&c.Spec, specPath)
	if old == nil {
		return errs
	}
	return append(errs, validateClaimUpdate(c, old)...)
}

// validateClaimSpec checks a claim, or the template of one in a pod or a stateful set.
func validateClaimSpec(s *corev1.PersistentVolumeClaimSpec, p *field.Path) (errs field.ErrorList) {
	errs = validateAccessModes(s.AccessModes, p.Child("accessModes"))
	errs = append(errs, validateSelector(s.Selector, p.Child("selector"))...)
	errs = append(errs, validateStorage(s.Resources.Requests, p.Child("resources"))...)
	if class := s.StorageClassName; class != nil && *class != "" {
		errs = append(errs, invalids(p.Child("storageClassName"), *class, subdomain(*class))...)
	}
	errs = append(errs, validateVolumeMode(s.VolumeMode, p.Child("volumeMode"))...)
	errs = append(errs, validateDataSources(s, p)...)
	if class := s.VolumeAttributesClassName; class != nil && *class != "" {
		errs = append(errs, invalids(p.Child("volumeAttributesClassName"), *class, subdomain(*class))...)
	}
	return errs
}

func validateDataSources(s *corev1.PersistentVolumeClaimSpec, p *field.Path) (errs field.ErrorList) {
	source, ref := p.Child("dataSource"), p.Child("dataSourceRef")
	d, r := s.DataSource, s.DataSourceRef
	if d != nil {
		errs = append(errs, validateDataSource(d.APIGroup, d.Kind, d.Name, source)...)
	}
	if r == nil {
		return errs
	}
	errs = append(errs, validateDataSource(r.APIGroup, r.Kind, r.Name, ref)...)
	if r.Namespace != nil && *r.Namespace != "" {
		errs = append(errs, invalids(ref.Child("namespace"), *r.Namespace, dnsLabel(*r.Namespace))...)
		if d != nil {
			errs = append(errs, field.Invalid(p, source.String(), "may not be specified when dataSourceRef.namespace is specified"))
		}
	} else if d != nil && (d.Kind != r.Kind || d.Name != r.Name || orUnset(d.APIGroup, "") != orUnset(r.APIGroup, "")) {
		errs = append(errs, field.Invalid(p, source.String(), "must match dataSourceRef"))
	}
	return errs
}

func validateDataSource(group *string, kind, name string, p *field.Path) (errs field.ErrorList) {
	if name == "" {
		errs = append(errs, field.Required(p.Child("name"), ""))
	}
	if kind == "" {
		errs = append(errs, field.Required(p.Child("kind"), ""))
	}
	switch g := orUnset(group, ""); {
	case g != "":
		errs = append(errs, invalids(p.Child("apiGroup"), g, subdomain(g))...)
	case kind != "PersistentVolumeClaim":
		errs = append(errs, field.Invalid(p, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup"))
	}
	return errs
}

// validateClaimUpdate lets a claim be bound once, and a bound claim ask for another size or attributes class.
func validateClaimUpdate(c, old *corev1.PersistentVolumeClaim) (errs field.ErrorList) {
	now, was := c.Spec.DeepCopy(), old.Spec.DeepCopy()
	if was.VolumeName == "" {
		was.VolumeName = now.VolumeName
	}
	errs = append(errs, validateClaimClass(c, old, now, was)...)
	bound := c.Status.Phase == corev1.ClaimBound
	if bound && now.Resources.Requests != nil {
		now.Resources.Requests[corev1.ResourceStorage] = was.Resources.Requests[corev1.ResourceStorage]
	}
	if bound {
		now.VolumeAttributesClassName = was.VolumeAttributesClassName
	}
	if !equality.Semantic.DeepEqual(now, was) {
		errs = append(errs, field.Forbidden(specPath, "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n"+diff.Diff(now, was)))
	}
	size, before := c.Spec.Resources.Requests[corev1.ResourceStorage], old.Spec.Resources.Requests[corev1.ResourceStorage]
	if capacity := old.Status.Capacity[corev1.ResourceStorage]; size.Cmp(before) < 0 && size.Cmp(capacity) <= 0 {
		errs = append(errs, field.Forbidden(specPath.Child("resources", "requests", "storage"), "field can not be less than status.capacity"))
	}
	errs = append(errs, immutable(c.Spec.VolumeMode, old.Spec.VolumeMode, field.NewPath("volumeMode"))...)
	if class := old.Spec.VolumeAttributesClassName; class != nil && c.Spec.VolumeAttributesClassName == nil {
		errs = append(errs, field.Forbidden(specPath.Child("volumeAttributesClassName"), "update from non-nil value to nil is forbidden"))
	}
	return errs
}

// validateClaimClass lets a storage class be named that was left open, or move from its old annotation into the spec;
// of both it makes the specs equal.
func validateClaimClass(c, old *corev1.PersistentVolumeClaim, now, was *corev1.PersistentVolumeClaimSpec) field.ErrorList {
	const key = corev1.BetaStorageClassAnnotation
	before, annotated := old.Annotations[key]
	after, still := c.Annotations[key]
	if annotated && !still && was.StorageClassName == nil && now.StorageClassName != nil && *now.StorageClassName == before {
		now.StorageClassName = nil
		return nil
	}
	var errs field.ErrorList
	if before != after {
		errs = append(errs, field.Invalid(metaPath.Child("annotations").Key(key), after, immutableField))
	}
	if !annotated && !still && was.StorageClassName == nil && now.StorageClassName != nil {
		now.StorageClassName = nil
	}
	return errs
}

func validateClaimStatus(c, _ *corev1.PersistentVolumeClaim) (errs field.ErrorList) {
	for name, q := range c.Status.Capacity {
		errs = append(errs, validateQuantity(name, q, statusPath.Child("capacity").Key(string(name)))...)
	}
	statuses := statusPath.Child("allocatedResourceStatuses")
	for name, s := range c.Status.AllocatedResourceStatuses {
		errs = append(errs, validateClaimResource(name, statuses)...)
		errs = append(errs, oneOfOrUnsupported(s, statuses.Key(string(name)),
			corev1.PersistentVolumeClaimControllerResizeInProgress, corev1.PersistentVolumeClaimControllerResizeInfeasible,
			corev1.PersistentVolumeClaimNodeResizePending, corev1.PersistentVolumeClaimNodeResizeInProgress,
			corev1.PersistentVolumeClaimNodeResizeInfeasible)...)
	}
	allocated := statusPath.Child("allocatedResources")
	for name, q := range c.Status.AllocatedResources {
		errs = append(errs, validateClaimResource(name, allocated)...)
		errs = append(errs, validateQuantity(name, q, allocated.Key(string(name)))...)
	}
	return errs
}

// validateClaimResource checks a resource of a claim: storage, or one of a driver's own.
func validateClaimResource(name corev1.ResourceName, list *field.Path) field.ErrorList {
	at := list.Key(string(name))
	errs := invalids(at, name, qualifiedName(string(name)))
	if len(errs) == 0 && isNative(name) && name != corev1.ResourceStorage {
		errs = append(errs, field.NotSupported(at, name, []corev1.ResourceName{corev1.ResourceStorage}))
	}
	return errs
}
