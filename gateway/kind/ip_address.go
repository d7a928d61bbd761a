package kind

import (
	"net/netip"
	"strings"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func ipAddressKind() *Kind {
	return &Kind{
		GroupVersionKind: gvk("networking.k8s.io", "v1", "IPAddress"), Resource: "ipaddresses", ShortNames: []string{"ip"},
		New:              func() Object { return new(networkingv1.IPAddress) },
		NewList:          func() runtime.Object { return new(networkingv1.IPAddressList) },
		NameRule:         canonicalIP,
		Validate:         validates(validateIPAddress),
		SelectableFields: []string{"spec.parentRef.group", "spec.parentRef.resource", "spec.parentRef.namespace", "spec.parentRef.name"},
		Selectable: labels(func(ip *networkingv1.IPAddress) map[string]string {
			p := ip.Spec.ParentRef
			if p == nil {
				return nil
			}
			return map[string]string{
				"spec.parentRef.group": p.Group, "spec.parentRef.resource": p.Resource,
				"spec.parentRef.namespace": p.Namespace, "spec.parentRef.name": p.Name,
			}
		}),
		Columns: []Column{
			column("ParentRef", "string", 0, func(ip *networkingv1.IPAddress, _ time.Time) any { return parentName(ip.Spec.ParentRef) }),
		},
	}
}

// nodePortKind is the kind behind NodePorts; an IPAddress has all that it needs, a name and whose it is.
func nodePortKind() *Kind {
	return &Kind{
		GroupVersionKind: gvk(NodePorts.Group, "v1", "NodePort"), Resource: NodePorts.Name, Internal: true,
		New:     func() Object { return new(networkingv1.IPAddress) },
		NewList: func() runtime.Object { return new(networkingv1.IPAddressList) },
	}
}

func canonicalIP(name string, _ bool) []string {
	a, err := netip.ParseAddr(name)
	if err != nil {
		return []string{err.Error()}
	}
	if a.String() != name {
		return []string{"not a valid IP address in canonical format"}
	}
	return nil
}

func validateIPAddress(ip, old *networkingv1.IPAddress) (errs field.ErrorList) {
	at := specPath.Child("parentRef")
	p := ip.Spec.ParentRef
	if old != nil && !equality.Semantic.DeepEqual(p, old.Spec.ParentRef) {
		errs = append(errs, field.Invalid(at, p, immutableField))
	}
	if p == nil {
		return append(errs, field.Required(at, ""))
	}
	if p.Group != "" {
		errs = append(errs, invalids(at.Child("group"), p.Group, subdomain(p.Group))...)
	}
	required := func(name, v string) {
		if v == "" {
			errs = append(errs, field.Required(at.Child(name), ""))
			return
		}
		errs = append(errs, invalids(at.Child(name), v, PathName(v, false))...)
	}
	required("resource", p.Resource)
	required("name", p.Name)
	if p.Namespace != "" {
		errs = append(errs, invalids(at.Child("namespace"), p.Namespace, PathName(p.Namespace, false))...)
	}
	return errs
}

func parentName(p *networkingv1.ParentReference) string {
	if p == nil {
		return "<none>"
	}
	resource := p.Resource
	if p.Group != "" {
		resource += "." + p.Group
	}
	return strings.Join([]string{resource, p.Namespace, p.Name}, "/")
}
