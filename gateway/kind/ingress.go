package kind

import (
	"fmt"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// ingressClassAnnotation named an ingress' class before there was a field for it.
const ingressClassAnnotation = "kubernetes.io/ingress.class"

func ingressKind() *Kind {
	type ingress = networkingv1.Ingress
	return &Kind{
		GroupVersionKind: gvk("networking.k8s.io", "v1", "Ingress"), Resource: "ingresses", ShortNames: []string{"ing"}, Namespaced: true,
		New:      func() Object { return new(ingress) },
		NewList:  func() runtime.Object { return new(networkingv1.IngressList) },
		Prepare:  keepsStatus(func(i *ingress) *networkingv1.IngressStatus { return &i.Status }),
		Spec:     part(func(i *ingress) any { return &i.Spec }),
		Validate: validates(validateIngress),
		Warnings: warns(func(i, old *ingress) []string {
			if _, ok := i.Annotations[ingressClassAnnotation]; !ok || old != nil {
				return nil
			}
			return []string{fmt.Sprintf("annotation %q is deprecated, please use 'spec.ingressClassName' instead", ingressClassAnnotation)}
		}),
		Columns: []Column{
			text("Class", func(i *ingress) string { return orUnset(i.Spec.IngressClassName, "<none>") }),
			text("Hosts", func(i *ingress) string { return ingressHosts(i.Spec.Rules) }),
			text("Address", func(i *ingress) string { return ingressAddresses(i.Status.LoadBalancer.Ingress) }),
			text("Ports", func(i *ingress) string {
				if len(i.Spec.TLS) > 0 {
					return "80, 443"
				}
				return "80"
			}),
		},
		Subresources: []Subresource{status(func(i, old *ingress) { i.Spec = old.Spec }, validateIngressStatus)},
	}
}

// ingressHosts is the first hosts that rules name, and how many rules come after them.
func ingressHosts(rules []networkingv1.IngressRule) string {
	const most = 3
	var hosts []string
	more := false
	for _, r := range rules {
		if more = len(hosts) == most; more {
			break
		}
		if r.Host != "" {
			hosts = append(hosts, r.Host)
		}
	}
	switch {
	case len(hosts) == 0:
		return "*"
	case more:
		return fmt.Sprintf("%s + %d more...", strings.Join(hosts, ","), len(rules)-most)
	}
	return strings.Join(hosts, ",")
}

func ingressAddresses(points []networkingv1.IngressLoadBalancerIngress) string {
	var all []string
	for _, p := range points {
		if a := orElse(p.IP, p.Hostname); a != "" {
			all = append(all, a)
		}
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ",")
}
