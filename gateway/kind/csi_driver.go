package kind

import (
	"strings"
	"time"

	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func csiDriverKind() *Kind {
	type driver = storagev1.CSIDriver
	yes := func(name string, unset bool, of func(*driver) *bool) Column {
		return column(name, "boolean", 0, func(d *driver, _ time.Time) any {
			if b := of(d); b != nil {
				return *b
			}
			return unset
		})
	}
	return &Kind{
		GroupVersionKind: gvk("storage.k8s.io", "v1", "CSIDriver"), Resource: "csidrivers",
		New:     func() Object { return new(driver) },
		NewList: func() runtime.Object { return new(storagev1.CSIDriverList) },
		Default: on(defaultCSIDriver),
		// A new driver's generation is none; only what may change is counted.
		Prepare: prepares(func(d, old *driver) {
			if old != nil && !equality.Semantic.DeepEqual(d.Spec, old.Spec) {
				d.Generation = old.Generation + 1
			}
		}),
		Validate: validates(validateCSIDriver),
		Columns: []Column{
			yes("AttachRequired", true, func(d *driver) *bool { return d.Spec.AttachRequired }),
			yes("PodInfoOnMount", false, func(d *driver) *bool { return d.Spec.PodInfoOnMount }),
			yes("StorageCapacity", false, func(d *driver) *bool { return d.Spec.StorageCapacity }),
			text("TokenRequests", func(d *driver) string {
				if d.Spec.TokenRequests == nil {
					return "<unset>"
				}
				audiences := make([]string, len(d.Spec.TokenRequests))
				for i := range d.Spec.TokenRequests {
					audiences[i] = d.Spec.TokenRequests[i].Audience
				}
				return strings.Join(audiences, ",")
			}),
			yes("RequiresRepublish", false, func(d *driver) *bool { return d.Spec.RequiresRepublish }),
			text("Modes", func(d *driver) string {
				var modes []string
				for _, m := range d.Spec.VolumeLifecycleModes {
					modes = append(modes, string(m))
				}
				return orNone(modes)
			}),
		},
	}
}

func defaultCSIDriver(d *storagev1.CSIDriver) {
	s := &d.Spec
	if s.AttachRequired == nil {
		s.AttachRequired = ptr(true)
	}
	for _, b := range []**bool{&s.PodInfoOnMount, &s.StorageCapacity, &s.RequiresRepublish, &s.SELinuxMount, &s.PreventPodSchedulingIfMissing} {
		if *b == nil {
			*b = new(bool)
		}
	}
	if s.FSGroupPolicy == nil {
		s.FSGroupPolicy = ptr(storagev1.ReadWriteOnceWithFSTypeFSGroupPolicy)
	}
	if len(s.VolumeLifecycleModes) == 0 {
		s.VolumeLifecycleModes = []storagev1.VolumeLifecycleMode{storagev1.VolumeLifecyclePersistent}
	}
}

func validateCSIDriver(d, old *storagev1.CSIDriver) (errs field.ErrorList) {
	s := &d.Spec
	if s.FSGroupPolicy != nil {
		errs = oneOfOrUnsupported(*s.FSGroupPolicy, specPath.Child("fsGroupPolicy"),
			storagev1.FileFSGroupPolicy, storagev1.NoneFSGroupPolicy, storagev1.ReadWriteOnceWithFSTypeFSGroupPolicy)
	}
	errs = append(errs, validateTokenRequests(s.TokenRequests, specPath.Child("tokenRequests"))...)
	for _, m := range s.VolumeLifecycleModes {
		errs = append(errs, oneOfOrUnsupported(m, specPath.Child("volumeLifecycleModes"), storagev1.VolumeLifecyclePersistent, storagev1.VolumeLifecycleEphemeral)...)
	}
	if n := s.NodeAllocatableUpdatePeriodSeconds; n != nil && *n < 10 {
		errs = append(errs, field.Invalid(specPath.Child("nodeAllocatableUpdatePeriodSeconds"), *n, "must be greater than or equal to 10 seconds"))
	}
	if b := s.ServiceAccountTokenInSecrets; b != nil && len(s.TokenRequests) == 0 {
		errs = append(errs, field.Invalid(specPath.Child("serviceAccountTokenInSecrets"), *b, "serviceAccountTokenInSecrets is set but no tokenRequests are specified"))
	}
	if old != nil {
		errs = append(errs, immutable(s.AttachRequired, old.Spec.AttachRequired, specPath.Child("attachedRequired"))...)
		errs = append(errs, immutable(s.VolumeLifecycleModes, old.Spec.VolumeLifecycleModes, specPath.Child("volumeLifecycleModes"))...)
	}
	return errs
}

// validateTokenRequests checks that no two tokens are for the same audience, and how long they last.
func validateTokenRequests(requests []storagev1.TokenRequest, p *field.Path) (errs field.ErrorList) {
	audiences := make(map[string]bool, len(requests))
	for i, r := range requests {
		at := p.Index(i)
		if audiences[r.Audience] {
			errs = append(errs, field.Duplicate(at.Child("audience"), r.Audience))
			continue
		}
		audiences[r.Audience] = true
		if s := r.ExpirationSeconds; s != nil && *s < 10*60 {
			errs = append(errs, field.Invalid(at.Child("expirationSeconds"), *s, "may not specify a duration less than 10 minutes"))
		} else if s != nil && *s > 1<<32 {
			errs = append(errs, field.Invalid(at.Child("expirationSeconds"), *s, "may not specify a duration larger than 2^32 seconds"))
		}
	}
	return errs
}
