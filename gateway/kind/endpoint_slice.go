package kind

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func endpointSliceKind() *Kind {
	return &Kind{
		GroupVersionKind: gvk("discovery.k8s.io", "v1", "EndpointSlice"), Resource: "endpointslices", Namespaced: true,
		New:      func() Object { return new(discoveryv1.EndpointSlice) },
		NewList:  func() runtime.Object { return new(discoveryv1.EndpointSliceList) },
		Default:  on(defaultEndpointSlice),
		Spec:     part(func(s *discoveryv1.EndpointSlice) any { return []any{s.Endpoints, s.Ports, s.Labels} }),
		Validate: validates(validateEndpointSlice),
		Columns: []Column{
			column("AddressType", "string", 0, func(s *discoveryv1.EndpointSlice, _ time.Time) any { return string(s.AddressType) }),
			column("Ports", "string", 0, func(s *discoveryv1.EndpointSlice, _ time.Time) any { return slicePorts(s) }),
			column("Endpoints", "string", 0, func(s *discoveryv1.EndpointSlice, _ time.Time) any { return sliceEndpoints(s) }),
		},
	}
}

func defaultEndpointSlice(s *discoveryv1.EndpointSlice) {
	for i := range s.Ports {
		if s.Ports[i].Name == nil {
			s.Ports[i].Name = new(string)
		}
		if s.Ports[i].Protocol == nil {
			s.Ports[i].Protocol = ptr(corev1.ProtocolTCP)
		}
	}
}

// Limits of a slice.
const (
	maxEndpoints         = 1000
	maxEndpointAddresses = 100
	maxEndpointPorts     = 20000
)

func validateEndpointSlice(s, old *discoveryv1.EndpointSlice) (errs field.ErrorList) {
	at := field.NewPath("addressType")
	errs = oneOf(s.AddressType, at, discoveryv1.AddressTypeFQDN, discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6)
	if old != nil && s.AddressType != old.AddressType {
		errs = append(errs, field.Invalid(at, s.AddressType, immutableField))
	}
	endpoints, ports := field.NewPath("endpoints"), field.NewPath("ports")
	if len(s.Endpoints) > maxEndpoints {
		return append(errs, field.TooMany(endpoints, len(s.Endpoints), maxEndpoints))
	}
	for i := range s.Endpoints {
		errs = append(errs, validateEndpoint(&s.Endpoints[i], s.AddressType, endpoints.Index(i))...)
	}
	if len(s.Ports) > maxEndpointPorts {
		return append(errs, field.TooMany(ports, len(s.Ports), maxEndpointPorts))
	}
	names := map[string]bool{}
	for i := range s.Ports {
		p, at := &s.Ports[i], ports.Index(i)
		if p.Name != nil {
			if *p.Name != "" {
				errs = append(errs, invalids(at.Child("name"), *p.Name, dnsLabel(*p.Name))...)
			}
			if names[*p.Name] {
				errs = append(errs, field.Duplicate(at.Child("name"), *p.Name))
			}
			names[*p.Name] = true
		}
		if p.Protocol != nil {
			errs = append(errs, oneOf(*p.Protocol, at.Child("protocol"), corev1.ProtocolSCTP, corev1.ProtocolTCP, corev1.ProtocolUDP)...)
		}
		if p.Port != nil {
			errs = append(errs, validatePort(*p.Port, at.Child("port"))...)
		}
		if p.AppProtocol != nil {
			errs = append(errs, invalids(at.Child("appProtocol"), *p.AppProtocol, qualifiedName(*p.AppProtocol))...)
		}
	}
	return errs
}

func validateEndpoint(e *discoveryv1.Endpoint, t discoveryv1.AddressType, at *field.Path) (errs field.ErrorList) {
	addresses := at.Child("addresses")
	if len(e.Addresses) == 0 {
		errs = append(errs, field.Required(addresses, "must contain at least 1 address"))
	}
	if len(e.Addresses) > maxEndpointAddresses {
		errs = append(errs, field.TooMany(addresses, len(e.Addresses), maxEndpointAddresses))
	}
	for i, a := range e.Addresses {
		p := addresses.Index(i)
		if t == discoveryv1.AddressTypeFQDN {
			errs = append(errs, invalids(p, a, subdomain(a))...)
			continue
		}
		ip := net.ParseIP(a)
		if is4 := ip != nil && ip.To4() != nil; t == discoveryv1.AddressTypeIPv4 && !is4 {
			errs = append(errs, field.Invalid(p, a, "must be an IPv4 address"))
		} else if t == discoveryv1.AddressTypeIPv6 && (ip == nil || is4) {
			errs = append(errs, field.Invalid(p, a, "must be an IPv6 address"))
		} else if ip != nil {
			errs = append(errs, validateExternalIP(a, p)...)
		}
	}
	if e.Hostname != nil {
		errs = append(errs, invalids(at.Child("hostname"), *e.Hostname, dnsLabel(*e.Hostname))...)
	}
	if e.NodeName != nil {
		errs = append(errs, invalids(at.Child("nodeName"), *e.NodeName, subdomain(*e.NodeName))...)
	}
	return errs
}

func hostPort(ip string, port int32) string { return net.JoinHostPort(ip, strconv.Itoa(int(port))) }

// firstFew is "a,b,c + 2 more...".
func firstFew(items []string) string {
	const most = 3
	if len(items) <= most {
		return strings.Join(items, ",")
	}
	return fmt.Sprintf("%s + %d more...", strings.Join(items[:most], ","), len(items)-most)
}

func slicePorts(s *discoveryv1.EndpointSlice) string {
	if len(s.Ports) == 0 {
		return "<unset>"
	}
	var cells []string
	for _, p := range s.Ports {
		switch {
		case p.Port != nil:
			cells = append(cells, strconv.Itoa(int(*p.Port)))
		case p.Name != nil && *p.Name != "":
			cells = append(cells, *p.Name)
		default:
			cells = append(cells, "*")
		}
	}
	return firstFew(cells)
}

func sliceEndpoints(s *discoveryv1.EndpointSlice) string {
	if len(s.Endpoints) == 0 {
		return "<unset>"
	}
	var cells []string
	for _, e := range s.Endpoints {
		cells = slices.Concat(cells, e.Addresses)
	}
	return firstFew(cells)
}
