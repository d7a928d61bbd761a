package kind

import (
	"fmt"
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// kubeletPort is the node agent's, which no load balancer may show to the world.
const kubeletPort = 10250

func validateService(s, old *corev1.Service) (errs field.ErrorList) {
	spec := &s.Spec
	errs = validateServiceType(spec)
	errs = append(errs, validateServicePorts(spec)...)
	errs = append(errs, ValidateLabels(spec.Selector, specPath.Child("selector"))...)
	errs = append(errs, validateSessionAffinity(spec)...)
	errs = append(errs, validateServiceIPs(spec)...)
	errs = append(errs, validateServicePolicies(spec)...)
	if old == nil || !hasClusterIP(old.Spec.Type) || !hasClusterIP(spec.Type) {
		return errs
	}
	at := specPath.Child("clusterIPs").Index(0)
	switch was := old.Spec.ClusterIPs; {
	case len(was) == 0:
	case len(spec.ClusterIPs) == 0:
		errs = append(errs, field.Invalid(at, spec.ClusterIPs, "primary clusterIP can not be unset"))
	case spec.ClusterIPs[0] != was[0]:
		errs = append(errs, field.Invalid(at, spec.ClusterIPs, "may not change once set"))
	}
	return errs
}

func validateServiceType(s *corev1.ServiceSpec) (errs field.ErrorList) {
	errs = oneOf(s.Type, specPath.Child("type"), corev1.ServiceTypeClusterIP, corev1.ServiceTypeExternalName,
		corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeNodePort)
	ips := specPath.Child("clusterIPs")
	switch s.Type {
	case corev1.ServiceTypeLoadBalancer:
		for i, p := range s.Ports {
			if p.Port == kubeletPort {
				errs = append(errs, field.Invalid(specPath.Child("ports").Index(i), p.Port, fmt.Sprintf("may not expose port %v externally since it is used by kubelet", kubeletPort)))
			}
		}
		if isHeadless(s) {
			errs = append(errs, field.Invalid(ips.Index(0), s.ClusterIP, "may not be set to 'None' for LoadBalancer services"))
		}
	case corev1.ServiceTypeNodePort:
		if isHeadless(s) {
			errs = append(errs, field.Invalid(ips.Index(0), s.ClusterIP, "may not be set to 'None' for NodePort services"))
		}
	case corev1.ServiceTypeExternalName:
		if len(s.ClusterIPs) > 0 {
			errs = append(errs, field.Forbidden(ips, "may not be set for ExternalName services"))
		}
		if len(s.IPFamilies) > 0 {
			errs = append(errs, field.Forbidden(specPath.Child("ipFamilies"), "may not be set for ExternalName services"))
		}
		if s.IPFamilyPolicy != nil {
			errs = append(errs, field.Forbidden(specPath.Child("ipFamilyPolicy"), "may not be set for ExternalName services"))
		}
		name := strings.TrimSuffix(s.ExternalName, ".")
		if name == "" {
			errs = append(errs, field.Required(specPath.Child("externalName"), ""))
		} else {
			errs = append(errs, invalids(specPath.Child("externalName"), name, subdomain(name))...)
		}
	}
	if s.Type != corev1.ServiceTypeExternalName && !isHeadless(s) && len(s.Ports) == 0 {
		errs = append(errs, field.Required(specPath.Child("ports"), ""))
	}
	return errs
}

func validateServicePorts(s *corev1.ServiceSpec) (errs field.ErrorList) {
	names := make(map[string]bool, len(s.Ports))
	ports, nodePorts := make(map[portKey]bool, len(s.Ports)), make(map[portKey]bool, len(s.Ports))
	for i := range s.Ports {
		p, at := &s.Ports[i], specPath.Child("ports").Index(i)
		switch {
		case p.Name == "" && len(s.Ports) > 1:
			errs = append(errs, field.Required(at.Child("name"), ""))
		case p.Name == "":
		case names[p.Name]:
			errs = append(errs, field.Duplicate(at.Child("name"), p.Name))
		default:
			errs = append(errs, invalids(at.Child("name"), p.Name, dnsLabel(p.Name))...)
		}
		names[p.Name] = true
		errs = append(errs, validatePort(p.Port, at.Child("port"))...)
		errs = append(errs, oneOf(p.Protocol, at.Child("protocol"), corev1.ProtocolSCTP, corev1.ProtocolTCP, corev1.ProtocolUDP)...)
		errs = append(errs, validatePortOrName(p.TargetPort, at.Child("targetPort"))...)
		if p.AppProtocol != nil {
			errs = append(errs, invalids(at.Child("appProtocol"), *p.AppProtocol, qualifiedName(*p.AppProtocol))...)
		}
		if k := (portKey{p.Protocol, p.Port}); ports[k] {
			errs = append(errs, field.Duplicate(at, corev1.ServicePort{Protocol: p.Protocol, Port: p.Port}))
		} else {
			ports[k] = true
		}
		if p.NodePort == 0 {
			continue
		}
		k := portKey{p.Protocol, p.NodePort}
		switch {
		case s.Type == corev1.ServiceTypeClusterIP || s.Type == corev1.ServiceTypeExternalName:
			errs = append(errs, field.Forbidden(at.Child("nodePort"), fmt.Sprintf("may not be used when `type` is '%s'", s.Type)))
		case nodePorts[k]:
			errs = append(errs, field.Duplicate(at.Child("nodePort"), p.NodePort))
		}
		nodePorts[k] = true
	}
	return errs
}

func validateSessionAffinity(s *corev1.ServiceSpec) (errs field.ErrorList) {
	at := specPath.Child("sessionAffinityConfig")
	errs = oneOf(s.SessionAffinity, specPath.Child("sessionAffinity"), corev1.ServiceAffinityClientIP, corev1.ServiceAffinityNone)
	switch s.SessionAffinity {
	case corev1.ServiceAffinityClientIP:
		if c := s.SessionAffinityConfig; c == nil || c.ClientIP == nil || c.ClientIP.TimeoutSeconds == nil {
			errs = append(errs, field.Required(at, "when session affinity type is ClientIP"))
		} else if t := *c.ClientIP.TimeoutSeconds; t <= 0 || t > 86400 {
			errs = append(errs, field.Invalid(at.Child("clientIP", "timeoutSeconds"), t, "must be greater than 0 and less than 86400"))
		}
	case corev1.ServiceAffinityNone:
		if s.SessionAffinityConfig != nil {
			errs = append(errs, field.Forbidden(at, "must not be set when session affinity is None"))
		}
	}
	return errs
}

// validateServiceIPs checks addresses and families; that an address is in a range is seen where it is allocated.
func validateServiceIPs(s *corev1.ServiceSpec) (errs field.ErrorList) {
	at := specPath.Child("clusterIPs")
	if len(s.ClusterIPs) > 0 && s.ClusterIPs[0] != s.ClusterIP {
		errs = append(errs, field.Invalid(at, s.ClusterIPs, "first value must match `clusterIP`"))
	}
	for i, ip := range s.ClusterIPs {
		if ip == corev1.ClusterIPNone {
			if len(s.ClusterIPs) > 1 {
				errs = append(errs, field.Invalid(at, s.ClusterIPs, "'None' must be the first and only value"))
			}
			continue
		}
		errs = append(errs, validation.IsValidIP(at.Index(i), ip)...)
	}
	if len(s.ClusterIPs) > 2 {
		errs = append(errs, field.Invalid(at, s.ClusterIPs, "may only hold up to 2 values"))
	}
	for i, ip := range s.ExternalIPs {
		errs = append(errs, validateExternalIP(ip, specPath.Child("externalIPs").Index(i))...)
	}
	return append(errs, validateFamilies(s)...)
}

func validateExternalIP(ip string, p *field.Path) field.ErrorList {
	if errs := validation.IsValidIP(p, ip); len(errs) > 0 {
		return errs
	}
	a, err := netip.ParseAddr(ip)
	switch {
	case err != nil:
		return field.ErrorList{field.Invalid(p, ip, "must be a valid IP address")}
	case a.IsUnspecified():
		return field.ErrorList{field.Invalid(p, ip, "may not be unspecified (0.0.0.0 or ::)")}
	case a.IsLoopback():
		return field.ErrorList{field.Invalid(p, ip, "may not be in the loopback range (127.0.0.0/8, ::1/128)")}
	case a.IsLinkLocalUnicast():
		return field.ErrorList{field.Invalid(p, ip, "may not be in the link-local range (169.254.0.0/16, fe80::/10)")}
	case a.IsLinkLocalMulticast():
		return field.ErrorList{field.Invalid(p, ip, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")}
	}
	return nil
}

func validateFamilies(s *corev1.ServiceSpec) (errs field.ErrorList) {
	at := specPath.Child("ipFamilies")
	selectorless := isHeadless(s) && len(s.Selector) == 0
	seen := map[corev1.IPFamily]bool{}
	for i, f := range s.IPFamilies {
		errs = append(errs, oneOf(f, at.Index(i), corev1.IPv4Protocol, corev1.IPv6Protocol)...)
		if seen[f] {
			errs = append(errs, field.Duplicate(at.Index(i), f))
		}
		seen[f] = true
		if f == corev1.IPv6Protocol && !selectorless {
			errs = append(errs, field.Invalid(at.Index(i), f, "not configured on this cluster"))
		}
	}
	if p := s.IPFamilyPolicy; p != nil {
		errs = append(errs, oneOf(*p, specPath.Child("ipFamilyPolicy"), corev1.IPFamilyPolicySingleStack,
			corev1.IPFamilyPolicyPreferDualStack, corev1.IPFamilyPolicyRequireDualStack)...)
		if *p == corev1.IPFamilyPolicyRequireDualStack && !selectorless {
			errs = append(errs, field.Invalid(specPath.Child("ipFamilyPolicy"), *p, "this cluster is not configured for dual-stack services"))
		}
	}
	return errs
}

func validateServicePolicies(s *corev1.ServiceSpec) (errs field.ErrorList) {
	if p := s.ExternalTrafficPolicy; p != "" {
		at := specPath.Child("externalTrafficPolicy")
		if !isExternal(s) {
			errs = append(errs, field.Invalid(at, p, "may only be set for externally-accessible services"))
		}
		errs = append(errs, oneOf(p, at, corev1.ServiceExternalTrafficPolicyCluster, corev1.ServiceExternalTrafficPolicyLocal)...)
	}
	if n := s.HealthCheckNodePort; n != 0 && !wantsHealthPort(s) {
		errs = append(errs, field.Invalid(specPath.Child("healthCheckNodePort"), n, "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"))
	}
	if p := s.InternalTrafficPolicy; p != nil {
		errs = append(errs, oneOf(*p, specPath.Child("internalTrafficPolicy"), corev1.ServiceInternalTrafficPolicyCluster, corev1.ServiceInternalTrafficPolicyLocal)...)
	} else if hasClusterIP(s.Type) {
		errs = append(errs, field.Required(specPath.Child("internalTrafficPolicy"), ""))
	}
	if d := s.TrafficDistribution; d != nil {
		errs = append(errs, oneOfOrUnsupported(*d, specPath.Child("trafficDistribution"), corev1.ServiceTrafficDistributionPreferClose,
			corev1.ServiceTrafficDistributionPreferSameNode, corev1.ServiceTrafficDistributionPreferSameZone)...)
	}
	if s.Type == corev1.ServiceTypeLoadBalancer {
		return errs
	}
	const only = "may only be used when `type` is 'LoadBalancer'"
	if s.AllocateLoadBalancerNodePorts != nil {
		errs = append(errs, field.Forbidden(specPath.Child("allocateLoadBalancerNodePorts"), only))
	}
	if s.LoadBalancerClass != nil {
		errs = append(errs, field.Forbidden(specPath.Child("loadBalancerClass"), only))
	}
	if len(s.LoadBalancerSourceRanges) > 0 {
		errs = append(errs, field.Forbidden(specPath.Child("LoadBalancerSourceRanges"), only))
	}
	return errs
}

func validateServiceStatus(s, _ *corev1.Service) (errs field.ErrorList) {
	at := statusPath.Child("loadBalancer", "ingress")
	if s.Spec.Type != corev1.ServiceTypeLoadBalancer && len(s.Status.LoadBalancer.Ingress) > 0 {
		errs = append(errs, field.Forbidden(at, "may only be used when `spec.type` is \"LoadBalancer\""))
	}
	for i, in := range s.Status.LoadBalancer.Ingress {
		if in.IP != "" {
			errs = append(errs, validation.IsValidIP(at.Index(i).Child("ip"), in.IP)...)
		}
		if in.Hostname != "" {
			errs = append(errs, invalids(at.Index(i).Child("hostname"), in.Hostname, subdomain(in.Hostname))...)
		}
	}
	return errs
}
