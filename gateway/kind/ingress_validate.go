package kind

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	netutils "k8s.io/utils/net"
)

func validateIngress(i, old *networkingv1.Ingress) (errs field.ErrorList) {
	s := &i.Spec
	if len(s.Rules) == 0 && s.DefaultBackend == nil {
		errs = append(errs, field.Invalid(specPath, s.Rules, "either `defaultBackend` or `rules` must be specified"))
	}
	if s.DefaultBackend != nil {
		errs = append(errs, validateBackend(s.DefaultBackend, specPath.Child("defaultBackend"))...)
	}
	for n := range s.Rules {
		errs = append(errs, validateIngressRule(&s.Rules[n], specPath.Child("rules").Index(n))...)
	}
	for n, t := range s.TLS {
		at := specPath.Child("tls").Index(n)
		for h, host := range t.Hosts {
			errs = append(errs, validateHost(host, at.Child("hosts").Index(h))...)
		}
		if t.SecretName != "" {
			errs = append(errs, invalids(at.Child("secretName"), t.SecretName, subdomain(t.SecretName))...)
		}
	}
	if s.IngressClassName != nil {
		errs = append(errs, invalids(specPath.Child("ingressClassName"), *s.IngressClassName, subdomain(*s.IngressClassName))...)
	}
	annotation, annotated := i.Annotations[ingressClassAnnotation]
	if old == nil && annotated && s.IngressClassName != nil && annotation != *s.IngressClassName {
		errs = append(errs, field.Invalid(field.NewPath("annotations").Child(ingressClassAnnotation), annotation, "must match `ingressClassName` when both are specified"))
	}
	return errs
}

// validateHost checks a host name, which may begin with a wildcard.
func validateHost(host string, p *field.Path) field.ErrorList {
	if strings.Contains(host, "*") {
		return invalids(p, host, validation.IsWildcardDNS1123Subdomain(host))
	}
	return invalids(p, host, subdomain(host))
}

func validateIngressRule(r *networkingv1.IngressRule, p *field.Path) (errs field.ErrorList) {
	if r.Host != "" {
		if netutils.ParseIPSloppy(r.Host) != nil {
			errs = append(errs, field.Invalid(p.Child("host"), r.Host, "must be a DNS name, not an IP address"))
		}
		errs = append(errs, validateHost(r.Host, p.Child("host"))...)
	}
	if r.HTTP == nil {
		return errs
	}
	paths := p.Child("http", "paths")
	if len(r.HTTP.Paths) == 0 {
		errs = append(errs, field.Required(paths, ""))
	}
	for i := range r.HTTP.Paths {
		errs = append(errs, validateHTTPPath(&r.HTTP.Paths[i], paths.Index(i))...)
	}
	return errs
}

func validateHTTPPath(h *networkingv1.HTTPIngressPath, p *field.Path) (errs field.ErrorList) {
	at := p.Child("path")
	if h.PathType == nil {
		return field.ErrorList{field.Required(p.Child("pathType"), "pathType must be specified")}
	}
	absolute := strings.HasPrefix(h.Path, "/")
	switch *h.PathType {
	case networkingv1.PathTypeExact, networkingv1.PathTypePrefix:
		if !absolute {
			errs = append(errs, field.Invalid(at, h.Path, "must be an absolute path"))
		}
		for _, bad := range []string{"//", "/./", "/../", "%2f", "%2F"} {
			if strings.Contains(h.Path, bad) {
				errs = append(errs, field.Invalid(at, h.Path, fmt.Sprintf("must not contain '%s'", bad)))
			}
		}
		for _, bad := range []string{"/..", "/."} {
			if strings.HasSuffix(h.Path, bad) {
				errs = append(errs, field.Invalid(at, h.Path, fmt.Sprintf("cannot end with '%s'", bad)))
			}
		}
	case networkingv1.PathTypeImplementationSpecific:
		if h.Path != "" && !absolute {
			errs = append(errs, field.Invalid(at, h.Path, "must be an absolute path"))
		}
	default:
		errs = append(errs, field.NotSupported(p.Child("pathType"), *h.PathType,
			[]networkingv1.PathType{networkingv1.PathTypeExact, networkingv1.PathTypeImplementationSpecific, networkingv1.PathTypePrefix}))
	}
	return append(errs, validateBackend(&h.Backend, p.Child("backend"))...)
}

func validateBackend(b *networkingv1.IngressBackend, p *field.Path) (errs field.ErrorList) {
	switch {
	case b.Resource != nil && b.Service != nil:
		return field.ErrorList{field.Invalid(p, "", "cannot set both resource and service backends")}
	case b.Resource != nil:
		return validateTypedReference(b.Resource, p.Child("resource"))
	case b.Service == nil:
		return field.ErrorList{field.Invalid(p, "", "resource or service backend is required")}
	}
	name, port := b.Service.Name, b.Service.Port
	if at := p.Child("service", "name"); name == "" {
		errs = append(errs, field.Required(at, ""))
	} else {
		errs = append(errs, invalids(at, name, dns1035(name))...)
	}
	switch at := p.Child("service", "port"); {
	case port.Name != "" && port.Number != 0:
		errs = append(errs, field.Invalid(p, "", "cannot set both port name & port number"))
	case port.Name != "":
		errs = append(errs, invalids(at.Child("name"), port.Name, validation.IsValidPortName(port.Name))...)
	case port.Number != 0:
		errs = append(errs, validatePort(port.Number, at.Child("number"))...)
	default:
		errs = append(errs, field.Required(p, "port name or number is required"))
	}
	return errs
}

func validateTypedReference(r *corev1.TypedLocalObjectReference, p *field.Path) (errs field.ErrorList) {
	if r.APIGroup != nil {
		errs = append(errs, invalids(p.Child("apiGroup"), *r.APIGroup, subdomain(*r.APIGroup))...)
	}
	errs = append(errs, validateSegment(r.Kind, p.Child("kind"))...)
	return append(errs, validateSegment(r.Name, p.Child("name"))...)
}

// validateSegment checks what has to be there and to fit in a URL.
func validateSegment(s string, p *field.Path) field.ErrorList {
	if s == "" {
		return field.ErrorList{field.Required(p, "")}
	}
	return invalids(p, s, PathName(s, false))
}

func validateIngressStatus(i, old *networkingv1.Ingress) (errs field.ErrorList) {
	var before []string
	for _, p := range old.Status.LoadBalancer.Ingress {
		before = append(before, p.IP)
	}
	for n, point := range i.Status.LoadBalancer.Ingress {
		at := statusPath.Child("loadBalancer", "ingress").Index(n)
		if point.IP != "" {
			errs = append(errs, validation.IsValidIPForLegacyField(at.Child("ip"), point.IP, true, before)...)
		}
		if point.Hostname == "" {
			continue
		}
		errs = append(errs, invalids(at.Child("hostname"), point.Hostname, subdomain(point.Hostname))...)
		if netutils.ParseIPSloppy(point.Hostname) != nil {
			errs = append(errs, field.Invalid(at.Child("hostname"), point.Hostname, "must be a DNS name, not an IP address"))
		}
	}
	return errs
}
