package admission

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// agentLabels are the labels of Kubernetes' domains that a node's agent may set, besides those of agentDomains.
var agentLabels = []string{
	corev1.LabelHostname, corev1.LabelTopologyZone, corev1.LabelTopologyRegion, corev1.LabelFailureDomainBetaZone,
	corev1.LabelFailureDomainBetaRegion, corev1.LabelInstanceType, corev1.LabelInstanceTypeStable,
	corev1.LabelOSStable, corev1.LabelArchStable, "beta.kubernetes.io/os", "beta.kubernetes.io/arch",
}

var (
	kubernetesDomains = []string{"kubernetes.io", "k8s.io"}
	agentDomains      = []string{corev1.LabelNamespaceSuffixKubelet, corev1.LabelNamespaceSuffixNode}
)

// forbiddenLabels are the labels that differ and that a node's agent may not set, in order.
func forbiddenLabels(now, was map[string]string) (forbidden []string) {
	for label, value := range now {
		if before, ok := was[label]; (!ok || before != value) && isForbidden(label) {
			forbidden = append(forbidden, label)
		}
	}
	for label := range was {
		if _, ok := now[label]; !ok && isForbidden(label) {
			forbidden = append(forbidden, label)
		}
	}
	slices.Sort(forbidden)
	return forbidden
}

func isForbidden(label string) bool {
	domain, _, ok := strings.Cut(label, "/")
	switch {
	case !ok || !isWithin(domain, kubernetesDomains):
		return false
	case isWithin(domain, []string{corev1.LabelNamespaceNodeRestriction}):
		return true
	}
	return !isWithin(domain, agentDomains) && !slices.Contains(agentLabels, label)
}

func isWithin(domain string, domains []string) bool {
	return slices.ContainsFunc(domains, func(d string) bool { return domain == d || strings.HasSuffix(domain, "."+d) })
}
