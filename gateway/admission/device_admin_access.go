package admission

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

// DeviceAdminAccess lets devices that others use be asked for, and given, only in namespaces that are labelled for that.
type DeviceAdminAccess struct{}

// Name is the plugin's.
func (DeviceAdminAccess) Name() string { return "DeviceAdminAccess" }

// Admit refuses such access elsewhere.
func (DeviceAdminAccess) Admit(ctx context.Context, q *kind.Request, obj, old kind.Object) error {
	paths := adminAccess(q, obj, old)
	if len(paths) == 0 {
		return nil
	}
	found, ok, err := find(ctx, q, subject.Namespaces, "", q.Namespace)
	if ok && !isForAdmins(found) {
		// It may be labelled by now.
		found, ok, err = findAgain(ctx, q, subject.Namespaces, "", q.Namespace)
	}
	if err != nil || ok && isForAdmins(found) {
		return err
	}
	var errs field.ErrorList
	for _, p := range paths {
		errs = append(errs, field.Forbidden(p, fmt.Sprintf("admin access to devices requires the `%s: true` label on the containing namespace", resourcev1.DRAAdminNamespaceLabelKey)))
	}
	return apierrors.NewInvalid(q.Kind.GroupKind(), q.Name, errs)
}

func isForAdmins(namespace kind.Object) bool {
	n, ok := namespace.(*corev1.Namespace)
	return ok && n.Labels[resourcev1.DRAAdminNamespaceLabelKey] == "true"
}

// adminAccess is where a new object asks for such access, or an allocation that was not there before gives it.
func adminAccess(q *kind.Request, obj, old kind.Object) []*field.Path {
	if t, ok := created[*resourcev1.ResourceClaimTemplate](q, obj, old); ok {
		return adminRequests(&t.Spec.Spec.Devices, field.NewPath("spec", "spec", "devices", "requests"))
	}
	if c, ok := created[*resourcev1.ResourceClaim](q, obj, old); ok {
		return adminRequests(&c.Spec.Devices, field.NewPath("spec", "devices", "requests"))
	}
	c, ok := obj.(*resourcev1.ResourceClaim)
	was, had := old.(*resourcev1.ResourceClaim)
	if !ok || !had || q.Subresource != "status" || c.Status.Allocation == nil || was.Status.Allocation != nil {
		return nil
	}
	var paths []*field.Path
	for i, r := range c.Status.Allocation.Devices.Results {
		if r.AdminAccess != nil && *r.AdminAccess {
			paths = append(paths, field.NewPath("status", "allocation", "devices", "results").Index(i).Child("adminAccess"))
		}
	}
	return paths
}

func adminRequests(c *resourcev1.DeviceClaim, p *field.Path) (paths []*field.Path) {
	for i, r := range c.Requests {
		if r.Exactly != nil && r.Exactly.AdminAccess != nil && *r.Exactly.AdminAccess {
			paths = append(paths, p.Index(i).Child("adminAccess"))
		}
	}
	return paths
}
