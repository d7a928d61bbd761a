package kind

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateMounts checks where a container has its pod's volumes.
func validateMounts(c *corev1.Container, volumes map[string]*corev1.Volume, container *field.Path) (errs field.ErrorList) {
	paths := make(map[string]bool, len(c.VolumeMounts))
	for i := range c.VolumeMounts {
		m, at := &c.VolumeMounts[i], container.Child("volumeMounts").Index(i)
		if m.Name == "" {
			errs = append(errs, field.Required(at.Child("name"), ""))
		} else if volumes[m.Name] == nil {
			errs = append(errs, field.NotFound(at.Child("name"), m.Name))
		}
		if m.MountPath == "" {
			errs = append(errs, field.Required(at.Child("mountPath"), ""))
		}
		if paths[m.MountPath] {
			errs = append(errs, field.Invalid(at.Child("mountPath"), m.MountPath, "must be unique"))
		}
		paths[m.MountPath] = true
		errs = append(errs, validateSubPath(m, at)...)
		errs = append(errs, validatePropagation(m, c, at)...)
	}
	return append(errs, validateDevices(c, volumes, paths, container.Child("volumeDevices"))...)
}

func validateSubPath(m *corev1.VolumeMount, at *field.Path) (errs field.ErrorList) {
	if m.SubPath != "" {
		errs = append(errs, validateRelativePath(m.SubPath, at.Child("subPath"))...)
	}
	if m.SubPathExpr == "" {
		return errs
	}
	if m.SubPath != "" {
		errs = append(errs, field.Invalid(at.Child("subPathExpr"), m.SubPathExpr, "subPathExpr and subPath are mutually exclusive"))
	}
	return append(errs, validateRelativePath(m.SubPathExpr, at.Child("subPathExpr"))...)
}

func validatePropagation(m *corev1.VolumeMount, c *corev1.Container, at *field.Path) (errs field.ErrorList) {
	if mode := m.MountPropagation; mode != nil {
		p := at.Child("mountPropagation")
		errs = append(errs, oneOf(*mode, p, corev1.MountPropagationBidirectional, corev1.MountPropagationHostToContainer, corev1.MountPropagationNone)...)
		if privileged := c.SecurityContext != nil && isTrue(c.SecurityContext.Privileged); *mode == corev1.MountPropagationBidirectional && !privileged {
			errs = append(errs, field.Forbidden(p, "Bidirectional mount propagation is available only to privileged containers"))
		}
	}
	mode := m.RecursiveReadOnly
	if mode == nil || *mode == corev1.RecursiveReadOnlyDisabled {
		return errs
	}
	p := at.Child("recursiveReadOnly")
	errs = append(errs, oneOf(*mode, p, corev1.RecursiveReadOnlyDisabled, corev1.RecursiveReadOnlyEnabled, corev1.RecursiveReadOnlyIfPossible)...)
	if !m.ReadOnly {
		errs = append(errs, field.Forbidden(p, "may only be specified when readOnly is true"))
	}
	if m.MountPropagation != nil && *m.MountPropagation != corev1.MountPropagationNone {
		errs = append(errs, field.Forbidden(p, "may only be specified when mountPropagation is None or not specified"))
	}
	return errs
}

func validateDevices(c *corev1.Container, volumes map[string]*corev1.Volume, paths map[string]bool, p *field.Path) (errs field.ErrorList) {
	for i, d := range c.VolumeDevices {
		at := p.Index(i)
		switch v := volumes[d.Name]; {
		case d.Name == "":
			errs = append(errs, field.Required(at.Child("name"), ""))
		case v == nil:
			errs = append(errs, field.NotFound(at.Child("name"), d.Name))
		case v.PersistentVolumeClaim == nil && v.Ephemeral == nil:
			errs = append(errs, field.NotFound(at.Child("name"), d.Name))
		}
		switch {
		case d.DevicePath == "":
			errs = append(errs, field.Required(at.Child("devicePath"), ""))
		case paths[d.DevicePath]:
			errs = append(errs, field.Invalid(at.Child("devicePath"), d.DevicePath, "must not already exist as a path in volumeMounts"))
		default:
			errs = append(errs, noDotDot(d.DevicePath, at.Child("devicePath"))...)
		}
	}
	return errs
}
