package kind

import (
	"strings"

	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func resourceClaimKind() *Kind {
	type claim = resourcev1.ResourceClaim
	return &Kind{
		GroupVersionKind: gvk(resourcev1.GroupName, "v1", "ResourceClaim"), Resource: "resourceclaims", Namespaced: true,
		New:     func() Object { return new(claim) },
		NewList: func() runtime.Object { return new(resourcev1.ResourceClaimList) },
		Default: on(func(c *claim) { defaultDeviceClaim(&c.Spec.Devices) }),
		Prepare: prepares(func(c, old *claim) {
			stableDeviceClaim(&c.Spec.Devices)
			if c.Status = (resourcev1.ResourceClaimStatus{}); old != nil {
				c.Status = old.Status
			}
		}),
		Validate: validates(func(c, old *claim) field.ErrorList {
			if old != nil {
				return immutable(c.Spec, old.Spec, specPath)
			}
			return validateDeviceClaim(&c.Spec.Devices, specPath.Child("devices"))
		}),
		Columns: []Column{text("State", claimState)},
		Subresources: []Subresource{statusAlone(func(c, old *claim) {
			c.Spec = old.Spec
			forgetDevices(c, old)
		}, validateResourceClaimStatus)},
	}
}

func resourceClaimTemplateKind() *Kind {
	type template = resourcev1.ResourceClaimTemplate
	return &Kind{
		GroupVersionKind: gvk(resourcev1.GroupName, "v1", "ResourceClaimTemplate"), Resource: "resourceclaimtemplates", Namespaced: true,
		New:     func() Object { return new(template) },
		NewList: func() runtime.Object { return new(resourcev1.ResourceClaimTemplateList) },
		Default: on(func(t *template) { defaultDeviceClaim(&t.Spec.Spec.Devices) }),
		Prepare: prepares(func(t, _ *template) { stableDeviceClaim(&t.Spec.Spec.Devices) }),
		Validate: validates(func(t, old *template) field.ErrorList {
			if old != nil {
				return immutable(t.Spec, old.Spec, specPath)
			}
			at := specPath.Child("metadata")
			errs := ValidateLabels(t.Spec.Labels, at.Child("labels"))
			errs = append(errs, validateAnnotations(t.Spec.Annotations, at.Child("annotations"))...)
			return append(errs, validateDeviceClaim(&t.Spec.Spec.Devices, specPath.Child("spec", "devices"))...)
		}),
	}
}

func claimState(c *resourcev1.ResourceClaim) string {
	var states []string
	if c.DeletionTimestamp != nil {
		states = append(states, "deleted")
	}
	switch {
	case c.Status.Allocation != nil:
		states = append(states, "allocated")
		if len(c.Status.ReservedFor) > 0 {
			states = append(states, "reserved")
		}
	case c.DeletionTimestamp == nil:
		states = append(states, "pending")
	}
	return strings.Join(states, ",")
}

// sharedDevice is a device, or a share of one, as results and statuses name it.
type sharedDevice struct{ driver, pool, device, share string }

// String is the name as complaints show it.
func (d sharedDevice) String() string {
	s := d.driver + "/" + d.pool + "/" + d.device
	if d.share != "" {
		s += "/" + d.share
	}
	return s
}

func allocatedDevices(a *resourcev1.AllocationResult) map[sharedDevice]bool {
	if a == nil {
		return nil
	}
	all := make(map[sharedDevice]bool, len(a.Devices.Results))
	for _, r := range a.Devices.Results {
		all[sharedDevice{r.Driver, r.Pool, r.Device, orUnset(r.ShareID, "")}] = true
	}
	return all
}

func statusDevice(s resourcev1.AllocatedDeviceStatus) sharedDevice {
	return sharedDevice{s.Driver, s.Pool, s.Device, orUnset(s.ShareID, "")}
}

// forgetDevices drops the statuses of devices that were the claim's and are no longer.
func forgetDevices(c, old *resourcev1.ResourceClaim) {
	was, is := allocatedDevices(old.Status.Allocation), allocatedDevices(c.Status.Allocation)
	var kept []resourcev1.AllocatedDeviceStatus
	for _, s := range c.Status.Devices {
		if d := statusDevice(s); !was[d] || is[d] {
			kept = append(kept, s)
		}
	}
	c.Status.Devices = kept
}
