package kind

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateProbes(c *corev1.Container, s *corev1.PodSpec, at *field.Path) (errs field.ErrorList) {
	if c.LivenessProbe != nil {
		p := at.Child("livenessProbe")
		errs = append(errs, validateProbe(c.LivenessProbe, p)...)
		errs = append(errs, succeedsAtOnce(c.LivenessProbe, p)...)
	}
	if c.ReadinessProbe != nil {
		p := at.Child("readinessProbe")
		errs = append(errs, validateProbe(c.ReadinessProbe, p)...)
		if g := c.ReadinessProbe.TerminationGracePeriodSeconds; g != nil {
			errs = append(errs, field.Invalid(p.Child("terminationGracePeriodSeconds"), g, "must not be set for readinessProbes"))
		}
	}
	if c.StartupProbe != nil {
		p := at.Child("startupProbe")
		errs = append(errs, validateProbe(c.StartupProbe, p)...)
		errs = append(errs, succeedsAtOnce(c.StartupProbe, p)...)
	}
	return errs
}

// succeedsAtOnce checks that one success is enough, as where a failure means a restart.
func succeedsAtOnce(p *corev1.Probe, at *field.Path) field.ErrorList {
	if p.SuccessThreshold == 1 {
		return nil
	}
	return field.ErrorList{field.Invalid(at.Child("successThreshold"), p.SuccessThreshold, "must be 1")}
}

func validateProbe(p *corev1.Probe, at *field.Path) (errs field.ErrorList) {
	h := corev1.LifecycleHandler{Exec: p.Exec, HTTPGet: p.HTTPGet, TCPSocket: p.TCPSocket}
	errs = validateHandler(&h, p.GRPC, nil, at)
	errs = append(errs, atLeastZero(p.InitialDelaySeconds, at.Child("initialDelaySeconds"))...)
	errs = append(errs, atLeastZero(p.TimeoutSeconds, at.Child("timeoutSeconds"))...)
	errs = append(errs, atLeastZero(p.PeriodSeconds, at.Child("periodSeconds"))...)
	errs = append(errs, atLeastZero(p.SuccessThreshold, at.Child("successThreshold"))...)
	errs = append(errs, atLeastZero(p.FailureThreshold, at.Child("failureThreshold"))...)
	if g := p.TerminationGracePeriodSeconds; g != nil && *g <= 0 {
		errs = append(errs, field.Invalid(at.Child("terminationGracePeriodSeconds"), *g, "must be greater than 0"))
	}
	return errs
}

func validateLifecycle(c *corev1.Container, s *corev1.PodSpec, at *field.Path) (errs field.ErrorList) {
	l := c.Lifecycle
	if l == nil {
		return nil
	}
	grace := int64(0)
	if s.TerminationGracePeriodSeconds != nil {
		grace = *s.TerminationGracePeriodSeconds
	}
	at = at.Child("lifecycle")
	if l.PostStart != nil {
		errs = append(errs, validateHandler(l.PostStart, nil, &grace, at.Child("postStart"))...)
	}
	if l.PreStop != nil {
		errs = append(errs, validateHandler(l.PreStop, nil, &grace, at.Child("preStop"))...)
	}
	if l.StopSignal != nil && s.OS == nil {
		errs = append(errs, field.Forbidden(at.Child("stopSignal"), "may not be set for containers with empty `spec.os.name`"))
	}
	return errs
}

// validateHandler checks that there is one way to reach the container, and that it is a sound one.
func validateHandler(h *corev1.LifecycleHandler, grpc *corev1.GRPCAction, grace *int64, at *field.Path) (errs field.ErrorList) {
	handlers := 0
	another := func(name string) bool {
		if handlers++; handlers > 1 {
			errs = append(errs, field.Forbidden(at.Child(name), "may not specify more than 1 handler type"))
		}
		return handlers == 1
	}
	if h.Exec != nil && another("exec") && len(h.Exec.Command) == 0 {
		errs = append(errs, field.Required(at.Child("exec", "command"), ""))
	}
	if h.HTTPGet != nil && another("httpGet") {
		errs = append(errs, validateHTTPGet(h.HTTPGet, at.Child("httpGet"))...)
	}
	if h.TCPSocket != nil && another("tcpSocket") {
		errs = append(errs, validatePortOrName(h.TCPSocket.Port, at.Child("tcpSocket", "port"))...)
	}
	if grpc != nil && another("grpc") {
		errs = append(errs, validatePort(grpc.Port, at.Child("grpc", "port"))...)
	}
	if h.Sleep != nil && another("sleep") && grace != nil && (h.Sleep.Seconds < 0 || h.Sleep.Seconds > *grace) {
		errs = append(errs, field.Invalid(at.Child("sleep"), h.Sleep.Seconds,
			fmt.Sprintf("must be non-negative and less than terminationGracePeriodSeconds (%d)", *grace)))
	}
	if handlers == 0 {
		errs = append(errs, field.Required(at, "must specify a handler type"))
	}
	return errs
}

func validateHTTPGet(h *corev1.HTTPGetAction, at *field.Path) (errs field.ErrorList) {
	if h.Path == "" {
		errs = append(errs, field.Required(at.Child("path"), ""))
	}
	errs = append(errs, validatePortOrName(h.Port, at.Child("port"))...)
	errs = append(errs, oneOf(h.Scheme, at.Child("scheme"), corev1.URISchemeHTTP, corev1.URISchemeHTTPS)...)
	for i, header := range h.HTTPHeaders {
		errs = append(errs, invalids(at.Child("httpHeaders").Index(i).Child("name"), header.Name, validation.IsHTTPHeaderName(header.Name))...)
	}
	return errs
}

func validatePortOrName(port intstr.IntOrString, at *field.Path) field.ErrorList {
	switch port.Type {
	case intstr.Int:
		return validatePort(port.IntVal, at)
	case intstr.String:
		return invalids(at, port.StrVal, validation.IsValidPortName(port.StrVal))
	}
	return field.ErrorList{field.InternalError(at, fmt.Errorf("unknown type: %v", port.Type))}
}
