package kind

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func endpointsKind() *Kind {
	return &Kind{
		GroupVersionKind: core("Endpoints"), Resource: "endpoints", Singular: "endpoints", ShortNames: []string{"ep"}, Namespaced: true,
		New:     func() Object { return new(corev1.Endpoints) },
		NewList: func() runtime.Object { return new(corev1.EndpointsList) },
		Default: on(func(e *corev1.Endpoints) {
			for i := range e.Subsets {
				for j := range e.Subsets[i].Ports {
					setDefault(&e.Subsets[i].Ports[j].Protocol, corev1.ProtocolTCP)
				}
			}
		}),
		Validate: validates(func(e, _ *corev1.Endpoints) field.ErrorList { return validateEndpoints(e) }),
		Columns: []Column{
			column("Endpoints", "string", 0, func(e *corev1.Endpoints, _ time.Time) any { return formatEndpoints(e) }),
		},
	}
}

func validateEndpoints(e *corev1.Endpoints) (errs field.ErrorList) {
	for i := range e.Subsets {
		s, at := &e.Subsets[i], field.NewPath("subsets").Index(i)
		if len(s.Addresses) == 0 && len(s.NotReadyAddresses) == 0 {
			errs = append(errs, field.Required(at, "must specify `addresses` or `notReadyAddresses`"))
		}
		for j := range s.Addresses {
			errs = append(errs, validateEndpointAddress(&s.Addresses[j], at.Child("addresses").Index(j))...)
		}
		for j := range s.NotReadyAddresses {
			errs = append(errs, validateEndpointAddress(&s.NotReadyAddresses[j], at.Child("notReadyAddresses").Index(j))...)
		}
		for j, p := range s.Ports {
			at := at.Child("ports").Index(j)
			if p.Name == "" && len(s.Ports) > 1 {
				errs = append(errs, field.Required(at.Child("name"), ""))
			} else if p.Name != "" {
				errs = append(errs, invalids(at.Child("name"), p.Name, dnsLabel(p.Name))...)
			}
			errs = append(errs, validatePort(p.Port, at.Child("port"))...)
			errs = append(errs, oneOf(p.Protocol, at.Child("protocol"), corev1.ProtocolSCTP, corev1.ProtocolTCP, corev1.ProtocolUDP)...)
		}
	}
	return errs
}

func validateEndpointAddress(a *corev1.EndpointAddress, at *field.Path) (errs field.ErrorList) {
	errs = validation.IsValidIP(at.Child("ip"), a.IP)
	if len(errs) == 0 {
		errs = validateExternalIP(a.IP, at.Child("ip"))
	}
	if a.Hostname != "" {
		errs = append(errs, invalids(at.Child("hostname"), a.Hostname, dnsLabel(a.Hostname))...)
	}
	if a.NodeName != nil {
		errs = append(errs, invalids(at.Child("nodeName"), *a.NodeName, subdomain(*a.NodeName))...)
	}
	return errs
}

// formatEndpoints shows the first three addresses and how many more there are.
func formatEndpoints(e *corev1.Endpoints) string {
	const most = 3
	var cells []string
	more := 0
	add := func(s string) {
		if len(cells) == most {
			more++
			return
		}
		cells = append(cells, s)
	}
	for _, s := range e.Subsets {
		if len(s.Ports) == 0 {
			for _, a := range s.Addresses {
				add(a.IP)
			}
		}
		for _, p := range s.Ports {
			for _, a := range s.Addresses {
				add(hostPort(a.IP, p.Port))
			}
		}
	}
	text := orNone(cells)
	if more > 0 {
		text += fmt.Sprintf(" + %d more...", more)
	}
	return text
}
