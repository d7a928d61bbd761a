package kind

import (
	"slices"

	resourcev1 "k8s.io/api/resource/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateResourceClaimStatus(c, old *resourcev1.ResourceClaim) (errs field.ErrorList) {
	s := &c.Status
	reserved := statusPath.Child("reservedFor")
	errs = eachOnce(s.ReservedFor, resourcev1.ResourceClaimReservedForMaxSize, reserved,
		func(r resourcev1.ResourceClaimConsumerReference) types.UID { return r.UID }, validateConsumer)
	owned := allocatedDevices(s.Allocation)
	errs = append(errs, eachOnce(s.Devices, -1, statusPath.Child("devices"), statusDevice,
		func(d resourcev1.AllocatedDeviceStatus, p *field.Path) field.ErrorList {
			return validateDeviceStatus(&d, owned, p)
		})...)
	if len(s.ReservedFor) > 0 && s.Allocation == nil {
		errs = append(errs, field.Forbidden(reserved, "may not be specified when `allocated` is not set"))
	} else if c.DeletionTimestamp != nil && slices.ContainsFunc(s.ReservedFor, func(r resourcev1.ResourceClaimConsumerReference) bool {
		return !slices.Contains(old.Status.ReservedFor, r)
	}) {
		errs = append(errs, field.Forbidden(reserved, "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set"))
	}
	at := statusPath.Child("allocation")
	switch {
	case s.Allocation == nil:
	case old.Status.Allocation != nil:
		errs = append(errs, immutable(s.Allocation, old.Status.Allocation, at)...)
	default:
		errs = append(errs, validateAllocation(s.Allocation, requestNamesOf(&c.Spec.Devices), at)...)
	}
	return errs
}

func validateConsumer(r resourcev1.ResourceClaimConsumerReference, p *field.Path) (errs field.ErrorList) {
	for _, f := range []needed{{"resource", r.Resource}, {"name", r.Name}, {"uid", string(r.UID)}} {
		if f.value == "" {
			errs = append(errs, field.Required(p.Child(f.name), ""))
		}
	}
	return errs
}

func validateAllocation(a *resourcev1.AllocationResult, names requestNames, p *field.Path) (errs field.ErrorList) {
	devices := p.Child("devices")
	errs = each(a.Devices.Results, resourcev1.AllocationResultsMaxSize, devices.Child("results"),
		func(r resourcev1.DeviceRequestAllocationResult, p *field.Path) field.ErrorList {
			return validateAllocated(&r, names, p)
		})
	errs = append(errs, each(a.Devices.Config, 2*resourcev1.DeviceConfigMaxSize, devices.Child("config"),
		func(c resourcev1.DeviceAllocationConfiguration, p *field.Path) field.ErrorList {
			errs := oneOf(c.Source, p.Child("source"), resourcev1.AllocationConfigSourceClaim, resourcev1.AllocationConfigSourceClass)
			errs = append(errs, eachOnce(c.Requests, resourcev1.DeviceRequestsMaxSize, p.Child("requests"), itself, names.check)...)
			return append(errs, validateDeviceConfig(&c.DeviceConfiguration, p)...)
		})...)
	if a.NodeSelector != nil {
		errs = append(errs, validateNodeSelector(a.NodeSelector, p.Child("nodeSelector"))...)
	}
	return errs
}

func validateAllocated(r *resourcev1.DeviceRequestAllocationResult, names requestNames, p *field.Path) (errs field.ErrorList) {
	errs = names.check(r.Request, p.Child("request"))
	errs = append(errs, validateDriverName(r.Driver, p.Child("driver"))...)
	errs = append(errs, validatePoolName(r.Pool, p.Child("pool"))...)
	errs = append(errs, validateDeviceName(r.Device, p.Child("device"))...)
	errs = append(errs, validateBindsWith(r.BindingConditions, r.BindingFailureConditions, p)...)
	errs = append(errs, each(r.Tolerations, resourcev1.DeviceTolerationsMaxLength, p.Child("tolerations"), validateDeviceToleration)...)
	if r.ShareID != nil {
		errs = append(errs, validateShareID(string(*r.ShareID), p.Child("shareID"))...)
	}
	return errs
}

func validateDeviceStatus(d *resourcev1.AllocatedDeviceStatus, owned map[sharedDevice]bool, p *field.Path) (errs field.ErrorList) {
	errs = validateDriverName(d.Driver, p.Child("driver"))
	errs = append(errs, validatePoolName(d.Pool, p.Child("pool"))...)
	errs = append(errs, validateDeviceName(d.Device, p.Child("device"))...)
	if d.ShareID != nil {
		errs = append(errs, validateShareID(*d.ShareID, p.Child("shareID"))...)
	}
	if id := statusDevice(*d); !owned[id] {
		errs = append(errs, field.Invalid(p, id.String(), "must be an allocated device in the claim"))
	}
	if len(d.Conditions) > resourcev1.AllocatedDeviceStatusMaxConditions {
		errs = append(errs, field.TooMany(p.Child("conditions"), len(d.Conditions), resourcev1.AllocatedDeviceStatusMaxConditions))
	}
	errs = append(errs, metavalidation.ValidateConditions(d.Conditions, p.Child("conditions"))...)
	if d.Data != nil && len(d.Data.Raw) > 0 {
		errs = append(errs, validateRawObject(d.Data.Raw, resourcev1.AllocatedDeviceStatusDataMaxLength, p.Child("data"))...)
	}
	n, at := d.NetworkData, p.Child("networkData")
	if n == nil {
		return errs
	}
	if len(n.InterfaceName) > resourcev1.NetworkDeviceDataInterfaceNameMaxLength {
		errs = append(errs, field.TooLong(at.Child("interfaceName"), "", resourcev1.NetworkDeviceDataInterfaceNameMaxLength))
	}
	if len(n.HardwareAddress) > resourcev1.NetworkDeviceDataHardwareAddressMaxLength {
		errs = append(errs, field.TooLong(at.Child("hardwareAddress"), "", resourcev1.NetworkDeviceDataHardwareAddressMaxLength))
	}
	return append(errs, eachOnce(n.IPs, resourcev1.NetworkDeviceDataMaxIPs, at.Child("ips"), itself,
		func(a string, p *field.Path) field.ErrorList { return validation.IsValidInterfaceAddress(p, a) })...)
}
