package proxy

import (
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// defaultAffinity is how long a client is remembered when the service does not say.
const defaultAffinity = 3 * time.Hour

// serversOf is the virtual servers of a service as this node has to serve them; none for
// headless services and names of other hosts.
func serversOf(service *corev1.Service, all []*discoveryv1.EndpointSlice, here place) []Server {
	if service.Spec.Type == corev1.ServiceTypeExternalName || service.Spec.ClusterIP == corev1.ClusterIPNone || service.Spec.ClusterIP == "" {
		return nil
	}
	if service.Labels["service.kubernetes.io/service-proxy-name"] != "" {
		return nil // another proxy's
	}
	var servers []Server
	for i := range service.Spec.Ports {
		port := &service.Spec.Ports[i]
		endpoints := endpointsOf(all, port.Name, here)
		internal, external := templates(service, port, endpoints, here)
		servers = append(servers, at(internal, port.Port, clusterIPs(service))...)
		servers = append(servers, at(external, port.Port, service.Spec.ExternalIPs)...)
		servers = append(servers, at(external, port.Port, ingressIPs(service))...)
		if port.NodePort != 0 {
			external.Port = uint16(port.NodePort)
			servers = append(servers, external)
		}
	}
	return servers
}

// templates are a port's servers but for their address: for its cluster addresses, and for
// those that clients outside use.
func templates(service *corev1.Service, port *corev1.ServicePort, endpoints []endpoint, here place) (internal, external Server) {
	base := Server{
		Service:  service.Namespace + "/" + service.Name + ":" + port.Name,
		Affinity: affinity(service),
	}
	base.Protocol = map[corev1.Protocol]uint8{corev1.ProtocolUDP: UDP, corev1.ProtocolSCTP: SCTP}[port.Protocol]
	if base.Protocol == 0 {
		base.Protocol = TCP
	}
	everywhere := choose(endpoints, false, here)
	internal, external = base, base
	internal.Backends = everywhere
	if deref(service.Spec.InternalTrafficPolicy, corev1.ServiceInternalTrafficPolicyCluster) == corev1.ServiceInternalTrafficPolicyLocal {
		internal.Backends = choose(endpoints, true, here)
		internal.Drop = len(internal.Backends) == 0 && len(everywhere) > 0
	}
	external.Source, external.Backends = MasqueradeAll, everywhere
	if service.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal {
		external.Source, external.Backends = KeepSource, choose(endpoints, true, here)
		external.Drop = len(external.Backends) == 0 && len(everywhere) > 0
	}
	return internal, external
}

// at is the server at each of the addresses; those that are not IPv4 are not served.
func at(server Server, port int32, addresses []string) []Server {
	var servers []Server
	server.Port = uint16(port)
	for _, text := range addresses {
		if addr, err := netip.ParseAddr(text); err == nil && addr.Is4() {
			server.Addr = addr
			servers = append(servers, server)
		}
	}
	return servers
}

func clusterIPs(service *corev1.Service) []string {
	if len(service.Spec.ClusterIPs) > 0 {
		return service.Spec.ClusterIPs
	}
	return []string{service.Spec.ClusterIP}
}

// ingressIPs are the load balancer's addresses, unless its packets come with other ones.
func ingressIPs(service *corev1.Service) []string {
	var addresses []string
	for _, ingress := range service.Status.LoadBalancer.Ingress {
		if deref(ingress.IPMode, corev1.LoadBalancerIPModeVIP) == corev1.LoadBalancerIPModeVIP {
			addresses = append(addresses, ingress.IP)
		}
	}
	return addresses
}

func affinity(service *corev1.Service) time.Duration {
	if service.Spec.SessionAffinity != corev1.ServiceAffinityClientIP {
		return 0
	}
	config := service.Spec.SessionAffinityConfig
	if config == nil || config.ClientIP == nil || config.ClientIP.TimeoutSeconds == nil {
		return defaultAffinity
	}
	return time.Duration(*config.ClientIP.TimeoutSeconds) * time.Second
}
