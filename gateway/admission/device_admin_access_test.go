package admission

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"

	"taffrail.dev/gateway/kind"
)

func TestDeviceAdminAccess(t *testing.T) {
	t.Parallel()
	yes := true
	claim := func(admin *bool) *resourcev1.ResourceClaim {
		return &resourcev1.ResourceClaim{Spec: resourcev1.ResourceClaimSpec{Devices: resourcev1.DeviceClaim{
			Requests: []resourcev1.DeviceRequest{{Name: "gpu", Exactly: &resourcev1.ExactDeviceRequest{DeviceClassName: "gpu", AdminAccess: admin}}},
		}}}
	}
	given := claim(nil)
	given.Status.Allocation = &resourcev1.AllocationResult{Devices: resourcev1.DeviceAllocationResult{
		Results: []resourcev1.DeviceRequestAllocationResult{{Request: "gpu", AdminAccess: &yes}},
	}}
	template := &resourcev1.ResourceClaimTemplate{Spec: resourcev1.ResourceClaimTemplateSpec{Spec: claim(&yes).Spec}}
	plain, admins := space("shop", corev1.NamespaceActive), space("shop", corev1.NamespaceActive)
	admins.Labels = map[string]string{resourcev1.DRAAdminNamespaceLabelKey: "true"}
	const text = "Forbidden: admin access to devices requires the `resource.kubernetes.io/admin-access: true` label on the containing namespace"
	for name, c := range map[string]struct {
		resource   string
		have, late *corev1.Namespace
		obj, old   kind.Object
		want       string
	}{
		"none":                    {"resourceclaims", plain, nil, claim(nil), nil, ""},
		"a claim":                 {"resourceclaims", plain, nil, claim(&yes), nil, `ResourceClaim.resource.k8s.io "c" is invalid: spec.devices.requests[0].adminAccess: ` + text},
		"a claim of admins":       {"resourceclaims", admins, nil, claim(&yes), nil, ""},
		"labelled just now":       {"resourceclaims", plain, admins, claim(&yes), nil, ""},
		"a template":              {"resourceclaimtemplates", plain, nil, template, nil, `ResourceClaimTemplate.resource.k8s.io "c" is invalid: spec.spec.devices.requests[0].adminAccess: ` + text},
		"a template of admins":    {"resourceclaimtemplates", admins, nil, template, nil, ""},
		"an allocation":           {"resourceclaims/status", plain, nil, given, claim(nil), `ResourceClaim.resource.k8s.io "c" is invalid: status.allocation.devices.results[0].adminAccess: ` + text},
		"an allocation as it was": {"resourceclaims/status", plain, nil, given, given, ""},
		"labels":                  {"resourceclaims", plain, nil, claim(&yes), claim(&yes), ""},
		"a deletion":              {"resourceclaims", plain, nil, nil, claim(&yes), ""},
	} {
		reader := &cluster{have: []kind.Object{c.have}}
		if c.late != nil {
			reader.late = []kind.Object{c.late}
		}
		err := (DeviceAdminAccess{}).Admit(context.Background(), ask(reader, "create", c.resource, "shop", "c"), c.obj, c.old)
		t.Run(name, func(t *testing.T) { wantText(t, err, c.want) })
	}
}
