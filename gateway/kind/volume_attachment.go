package kind

import (
	"math"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func volumeAttachmentKind() *Kind {
	type attachment = storagev1.VolumeAttachment
	return &Kind{
		GroupVersionKind: gvk("storage.k8s.io", "v1", "VolumeAttachment"), Resource: "volumeattachments",
		New:      func() Object { return new(attachment) },
		NewList:  func() runtime.Object { return new(storagev1.VolumeAttachmentList) },
		Prepare:  keepsStatus(func(a *attachment) *storagev1.VolumeAttachmentStatus { return &a.Status }),
		Validate: validates(validateVolumeAttachment),
		Columns: []Column{
			text("Attacher", func(a *attachment) string { return a.Spec.Attacher }),
			text("PV", func(a *attachment) string { return orUnset(a.Spec.Source.PersistentVolumeName, "") }),
			text("Node", func(a *attachment) string { return a.Spec.NodeName }),
			column("Attached", "boolean", 0, func(a *attachment, _ time.Time) any { return a.Status.Attached }),
		},
		Subresources: []Subresource{status(func(a, old *attachment) { a.Spec = old.Spec }, validateVolumeAttachment)},
	}
}

const (
	maxAttachmentMetadata = 256 << 10
	maxVolumeError        = 1024
)

func validateVolumeAttachment(a, old *storagev1.VolumeAttachment) (errs field.ErrorList) {
	s := &a.Spec
	errs = validateDriverName(s.Attacher, specPath.Child("attacher"))
	source := specPath.Child("source")
	name, inline := s.Source.PersistentVolumeName, s.Source.InlineVolumeSpec
	switch {
	case name == nil && inline == nil:
		errs = append(errs, field.Required(source, "must specify exactly one of inlineVolumeSpec and persistentVolumeName"))
	case name != nil && inline != nil:
		errs = append(errs, field.Forbidden(source, "must specify exactly one of inlineVolumeSpec and persistentVolumeName"))
	case inline != nil:
		errs = append(errs, validateInlineVolume(inline, source.Child("inlineVolumeSpec"))...)
	case *name == "":
		errs = append(errs, field.Required(source.Child("persistentVolumeName"), "must specify non empty persistentVolumeName"))
	}
	errs = append(errs, invalids(specPath.Child("nodeName"), s.NodeName, subdomain(s.NodeName))...)
	if name != nil {
		errs = append(errs, invalids(source.Child("persistentVolumeName"), *name, subdomain(*name))...)
	}
	errs = append(errs, validateAttachmentStatus(&a.Status)...)
	if old != nil {
		errs = append(errs, immutable(a.Spec, old.Spec, specPath)...)
	}
	return errs
}

// validateInlineVolume checks a volume that a pod brought: always one of a CSI driver.
func validateInlineVolume(s *corev1.PersistentVolumeSpec, p *field.Path) (errs field.ErrorList) {
	const notInline = "may not be specified in the context of inline volumes"
	if s.ClaimRef != nil {
		errs = append(errs, field.Forbidden(p.Child("claimRef"), notInline))
	}
	if len(s.Capacity) > 0 {
		errs = append(errs, field.Forbidden(p.Child("capacity"), notInline))
	}
	if s.CSI == nil {
		errs = append(errs, field.Required(p.Child("csi"), "has to be specified in the context of inline volumes"))
	}
	errs = append(errs, validateAccessModes(s.AccessModes, p.Child("accessModes"))...)
	errs = append(errs, validatePersistentSource(&s.PersistentVolumeSource, p)...)
	return append(errs, validateVolumeMode(s.VolumeMode, p.Child("volumeMode"))...)
}

func validateAttachmentStatus(s *storagev1.VolumeAttachmentStatus) (errs field.ErrorList) {
	size := 0
	for k, v := range s.AttachmentMetadata {
		size += len(k) + len(v)
	}
	if size > maxAttachmentMetadata {
		errs = append(errs, field.TooLong(statusPath.Child("attachmentMetadata"), "", maxAttachmentMetadata))
	}
	for name, e := range map[string]*storagev1.VolumeError{"attachError": s.AttachError, "detachError": s.DetachError} {
		if e == nil {
			continue
		}
		if len(e.Message) > maxVolumeError {
			errs = append(errs, field.TooLong(statusPath.Child(name, "message"), "", maxVolumeError))
		}
		if e.ErrorCode != nil && *e.ErrorCode < 0 {
			errs = append(errs, field.Invalid(statusPath.Child(name, "errorCode"), *e.ErrorCode, validation.InclusiveRangeError(0, math.MaxInt32)))
		}
	}
	return errs
}
