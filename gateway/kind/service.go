package kind

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func serviceKind(h Hooks) *Kind {
	k := &Kind{
		GroupVersionKind: core("Service"), Resource: "services", ShortNames: []string{"svc"}, Categories: []string{"all"},
		Namespaced: true, NameRule: Label1035Name,
		New:              func() Object { return new(corev1.Service) },
		NewList:          func() runtime.Object { return new(corev1.ServiceList) },
		Default:          on(defaultService),
		Prepare:          prepares(prepareService),
		Validate:         validates(validateService),
		Allocate:         allocateService,
		SelectableFields: []string{"spec.clusterIP", "spec.type"},
		Selectable: labels(func(s *corev1.Service) map[string]string {
			return map[string]string{"spec.clusterIP": s.Spec.ClusterIP, "spec.type": string(s.Spec.Type)}
		}),
		Columns:      serviceColumns(),
		Subresources: []Subresource{status(func(s, old *corev1.Service) { s.Spec = old.Spec }, validateServiceStatus)},
	}
	if h.ServiceProxy != nil {
		k.Subresources = append(k.Subresources, Subresource{Name: "proxy", Verbs: allHTTPVerbs(), Connect: h.ServiceProxy, Options: serviceProxyOptions})
	}
	return k
}

func defaultService(s *corev1.Service) {
	spec := &s.Spec
	setDefault(&spec.Type, corev1.ServiceTypeClusterIP)
	setDefault(&spec.SessionAffinity, corev1.ServiceAffinityNone)
	switch spec.SessionAffinity {
	case corev1.ServiceAffinityNone:
		spec.SessionAffinityConfig = nil
	case corev1.ServiceAffinityClientIP:
		if c := spec.SessionAffinityConfig; c == nil || c.ClientIP == nil || c.ClientIP.TimeoutSeconds == nil {
			spec.SessionAffinityConfig = &corev1.SessionAffinityConfig{
				ClientIP: &corev1.ClientIPConfig{TimeoutSeconds: ptr[int32](corev1.DefaultClientIPServiceAffinitySeconds)},
			}
		}
	}
	for i := range spec.Ports {
		p := &spec.Ports[i]
		setDefault(&p.Protocol, corev1.ProtocolTCP)
		if p.TargetPort.IntVal == 0 && p.TargetPort.StrVal == "" {
			p.TargetPort.Type, p.TargetPort.IntVal = 0, p.Port
		}
	}
	if isExternal(spec) {
		setDefault(&spec.ExternalTrafficPolicy, corev1.ServiceExternalTrafficPolicyCluster)
	}
	if spec.InternalTrafficPolicy == nil && hasClusterIP(spec.Type) {
		spec.InternalTrafficPolicy = ptr(corev1.ServiceInternalTrafficPolicyCluster)
	}
	if spec.Type == corev1.ServiceTypeLoadBalancer && spec.AllocateLoadBalancerNodePorts == nil {
		spec.AllocateLoadBalancerNodePorts = ptr(true)
	}
}

// isExternal says whether a service is reached from outside of the cluster.
func isExternal(s *corev1.ServiceSpec) bool {
	return s.Type == corev1.ServiceTypeLoadBalancer || s.Type == corev1.ServiceTypeNodePort ||
		s.Type == corev1.ServiceTypeClusterIP && len(s.ExternalIPs) > 0
}

// hasClusterIP says whether services of a type have a cluster IP, be it "None".
func hasClusterIP(t corev1.ServiceType) bool {
	return t == corev1.ServiceTypeClusterIP || t == corev1.ServiceTypeNodePort || t == corev1.ServiceTypeLoadBalancer
}

// wantsNodePorts says whether a service's ports get ports of the nodes.
func wantsNodePorts(s *corev1.ServiceSpec) bool {
	return s.Type == corev1.ServiceTypeNodePort ||
		s.Type == corev1.ServiceTypeLoadBalancer && (s.AllocateLoadBalancerNodePorts == nil || *s.AllocateLoadBalancerNodePorts)
}

func wantsHealthPort(s *corev1.ServiceSpec) bool {
	return s.Type == corev1.ServiceTypeLoadBalancer && s.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal
}

func isHeadless(s *corev1.ServiceSpec) bool { return s.ClusterIP == corev1.ClusterIPNone }

// prepareService keeps what was allocated before, lets go of what the service's type has no use for
// any more, and completes the IP families of a cluster of IPv4 alone.
func prepareService(s, old *corev1.Service) {
	if old == nil {
		s.Status = corev1.ServiceStatus{}
	} else {
		s.Status = old.Status
		dropStale(&s.Spec, &old.Spec)
		keepAllocated(&s.Spec, &old.Spec)
	}
	matchClusterIPs(&s.Spec, old)
	completeFamilies(&s.Spec)
}

func keepAllocated(s, old *corev1.ServiceSpec) {
	if hasClusterIP(s.Type) && hasClusterIP(old.Type) {
		if s.ClusterIP == "" && len(s.ClusterIPs) == 0 {
			s.ClusterIP, s.ClusterIPs = old.ClusterIP, old.ClusterIPs
		}
		if len(s.IPFamilies) == 0 {
			s.IPFamilies = old.IPFamilies
		}
		if s.IPFamilyPolicy == nil {
			s.IPFamilyPolicy = old.IPFamilyPolicy
		}
	}
	if wantsNodePorts(s) && wantsNodePorts(old) {
		taken := make(map[portKey]bool, len(s.Ports))
		for _, p := range s.Ports {
			taken[portKey{p.Protocol, p.NodePort}] = p.NodePort != 0
		}
		for i := range s.Ports {
			keepNodePort(&s.Ports[i], old.Ports, taken)
		}
	}
	if wantsHealthPort(s) && wantsHealthPort(old) && s.HealthCheckNodePort == 0 {
		s.HealthCheckNodePort = old.HealthCheckNodePort
	}
}

func keepNodePort(p *corev1.ServicePort, old []corev1.ServicePort, taken map[portKey]bool) {
	if p.NodePort != 0 {
		return
	}
	for _, was := range old {
		if was.Protocol == p.Protocol && was.Port == p.Port && !taken[portKey{was.Protocol, was.NodePort}] {
			p.NodePort = was.NodePort
			taken[portKey{was.Protocol, was.NodePort}] = true
			return
		}
	}
}

// dropStale clears fields that a change of type made void and that the user left as they were.
func dropStale(s, old *corev1.ServiceSpec) {
	if hasClusterIP(old.Type) && !hasClusterIP(s.Type) && s.ClusterIP == old.ClusterIP {
		s.ClusterIP, s.ClusterIPs, s.IPFamilies, s.IPFamilyPolicy = "", nil, nil, nil
		s.InternalTrafficPolicy = nil
	}
	if wantsNodePorts(old) && !wantsNodePorts(s) {
		for i := range s.Ports {
			for _, was := range old.Ports {
				if s.Ports[i].NodePort == was.NodePort {
					s.Ports[i].NodePort = 0
				}
			}
		}
	}
	if !wantsHealthPort(s) && s.HealthCheckNodePort == old.HealthCheckNodePort {
		s.HealthCheckNodePort = 0
	}
	if !isExternal(s) && s.ExternalTrafficPolicy == old.ExternalTrafficPolicy {
		s.ExternalTrafficPolicy = ""
	}
	if s.Type != corev1.ServiceTypeLoadBalancer && old.Type == corev1.ServiceTypeLoadBalancer {
		s.AllocateLoadBalancerNodePorts, s.LoadBalancerClass = nil, nil
	}
	if s.Type != corev1.ServiceTypeExternalName && old.Type == corev1.ServiceTypeExternalName && s.ExternalName == old.ExternalName {
		s.ExternalName = ""
	}
}

// matchClusterIPs makes clusterIP and clusterIPs say the same where only one was set or changed.
func matchClusterIPs(s *corev1.ServiceSpec, old *corev1.Service) {
	switch {
	case s.ClusterIP != "" && len(s.ClusterIPs) == 0:
		s.ClusterIPs = []string{s.ClusterIP}
	case s.ClusterIP == "" && len(s.ClusterIPs) > 0 && old == nil:
		s.ClusterIP = s.ClusterIPs[0]
	case old != nil && s.ClusterIP != old.Spec.ClusterIP && equalStrings(s.ClusterIPs, old.Spec.ClusterIPs):
		s.ClusterIPs = nil
		if s.ClusterIP != "" {
			s.ClusterIPs = []string{s.ClusterIP}
		}
	case old != nil && s.ClusterIP == old.Spec.ClusterIP && !equalStrings(s.ClusterIPs, old.Spec.ClusterIPs):
		if s.ClusterIP = ""; len(s.ClusterIPs) > 0 {
			s.ClusterIP = s.ClusterIPs[0]
		}
	}
}

// completeFamilies fills in IPv4, and both families for a headless service without
// selector, whose endpoints are its owner's.
func completeFamilies(s *corev1.ServiceSpec) {
	if !hasClusterIP(s.Type) {
		return
	}
	if isHeadless(s) && len(s.Selector) == 0 {
		if s.IPFamilyPolicy == nil {
			s.IPFamilyPolicy = ptr(corev1.IPFamilyPolicyRequireDualStack)
		}
		if *s.IPFamilyPolicy != corev1.IPFamilyPolicySingleStack && len(s.IPFamilies) < 2 {
			s.IPFamilies = []corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol}
		}
	}
	if s.IPFamilyPolicy == nil {
		s.IPFamilyPolicy = ptr(corev1.IPFamilyPolicySingleStack)
	}
	if len(s.IPFamilies) == 0 {
		s.IPFamilies = []corev1.IPFamily{corev1.IPv4Protocol}
	}
}
