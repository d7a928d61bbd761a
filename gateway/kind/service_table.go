package kind

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

func serviceColumns() []Column {
	text := func(name string, priority int32, f func(*corev1.Service) string) Column {
		return column(name, "string", priority, func(s *corev1.Service, _ time.Time) any { return f(s) })
	}
	return []Column{
		text("Type", 0, func(s *corev1.Service) string { return string(s.Spec.Type) }),
		text("Cluster-IP", 0, func(s *corev1.Service) string {
			if len(s.Spec.ClusterIPs) > 0 {
				return s.Spec.ClusterIPs[0]
			}
			return "<none>"
		}),
		text("External-IP", 0, externalIPs),
		text("Port(s)", 0, servicePorts),
		text("Selector", 1, func(s *corev1.Service) string { return formatLabels(s.Spec.Selector) }),
	}
}

func externalIPs(s *corev1.Service) string {
	switch s.Spec.Type {
	case corev1.ServiceTypeExternalName:
		return s.Spec.ExternalName
	case corev1.ServiceTypeLoadBalancer:
		var ips []string
		for _, i := range s.Status.LoadBalancer.Ingress {
			ips = append(ips, orElse(i.IP, i.Hostname))
		}
		slices.Sort(ips)
		ips = append(slices.Compact(ips), s.Spec.ExternalIPs...)
		if len(ips) == 0 {
			return "<pending>"
		}
		return strings.Join(ips, ",")
	}
	return orNone(s.Spec.ExternalIPs)
}

func servicePorts(s *corev1.Service) string {
	cells := make([]string, 0, len(s.Spec.Ports))
	for _, p := range s.Spec.Ports {
		if p.NodePort > 0 {
			cells = append(cells, fmt.Sprintf("%d:%d/%s", p.Port, p.NodePort, p.Protocol))
		} else {
			cells = append(cells, fmt.Sprintf("%d/%s", p.Port, p.Protocol))
		}
	}
	return orNone(cells)
}

// formatLabels is "a=1,b=2" in order of the keys, or "<none>".
func formatLabels(m map[string]string) string {
	cells := make([]string, 0, len(m))
	for k, v := range m {
		cells = append(cells, k+"="+v)
	}
	slices.Sort(cells)
	return orNone(cells)
}
