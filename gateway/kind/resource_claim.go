package kind

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"taffrail.dev/events/subject"
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
		Allocate: func(tx Tx, obj, old Object) error {
			if obj == nil {
				return nil
			}
			return admitDeviceAdmin(tx, obj, old)
		},
		Columns: []Column{text("State", claimState)},
		Subresources: []Subresource{status(func(c, old *claim) {
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
		Allocate: func(tx Tx, obj, old Object) error {
			if obj == nil {
				return nil
			}
			return admitDeviceAdmin(tx, obj, old)
		},
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

// admitDeviceAdmin lets devices of others be accessed only from namespaces that say so. What was so before may stay.
func admitDeviceAdmin(tx Tx, obj, old Object) error {
	before := make(map[string]bool)
	if old != nil {
		for _, p := range adminAccess(old) {
			before[p.String()] = true
		}
	}
	var errs field.ErrorList
	for _, p := range adminAccess(obj) {
		if !before[p.String()] {
			errs = append(errs, field.Forbidden(p, fmt.Sprintf("admin access to devices requires the `%s: true` label on the containing namespace", resourcev1.DRAAdminNamespaceLabelKey)))
		}
	}
	if len(errs) == 0 {
		return nil
	}
	if n, ok := tx.Get(subject.Namespaces, "", obj.GetNamespace()); ok && n.(*corev1.Namespace).Labels[resourcev1.DRAAdminNamespaceLabelKey] == "true" {
		return nil
	}
	kind := gvk(resourcev1.GroupName, "v1", "ResourceClaim")
	if _, ok := obj.(*resourcev1.ResourceClaimTemplate); ok {
		kind.Kind = "ResourceClaimTemplate"
	}
	return apierrors.NewInvalid(kind.GroupKind(), obj.GetName(), errs)
}

// adminAccess is where an object asks for, or was given, access to devices that others use.
func adminAccess(obj Object) (paths []*field.Path) {
	requests := func(c *resourcev1.DeviceClaim, p *field.Path) {
		for i := range c.Requests {
			if e := c.Requests[i].Exactly; e != nil && isTrue(e.AdminAccess) {
				paths = append(paths, p.Child("requests").Index(i).Child("adminAccess"))
			}
		}
	}
	switch o := obj.(type) {
	case *resourcev1.ResourceClaimTemplate:
		requests(&o.Spec.Spec.Devices, specPath.Child("spec", "devices"))
	case *resourcev1.ResourceClaim:
		requests(&o.Spec.Devices, specPath.Child("devices"))
		if o.Status.Allocation == nil {
			return paths
		}
		for i, r := range o.Status.Allocation.Devices.Results {
			if isTrue(r.AdminAccess) {
				paths = append(paths, statusPath.Child("allocation", "devices", "results").Index(i).Child("adminAccess"))
			}
		}
	}
	return paths
}
