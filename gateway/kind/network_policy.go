package kind

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	netutils "k8s.io/utils/net"
)

func networkPolicyKind() *Kind {
	type policy = networkingv1.NetworkPolicy
	return &Kind{
		GroupVersionKind: gvk("networking.k8s.io", "v1", "NetworkPolicy"), Resource: "networkpolicies", ShortNames: []string{"netpol"}, Namespaced: true,
		New:      func() Object { return new(policy) },
		NewList:  func() runtime.Object { return new(networkingv1.NetworkPolicyList) },
		Default:  on(defaultNetworkPolicy),
		Spec:     part(func(p *policy) any { return &p.Spec }),
		Validate: validates(validateNetworkPolicy),
		Columns: []Column{
			text("Pod-Selector", func(p *policy) string { return formatSelector(&p.Spec.PodSelector) }),
		},
	}
}

func defaultNetworkPolicy(p *networkingv1.NetworkPolicy) {
	ports := func(all []networkingv1.NetworkPolicyPort) {
		for i := range all {
			if all[i].Protocol == nil {
				all[i].Protocol = ptr(corev1.ProtocolTCP)
			}
		}
	}
	for i := range p.Spec.Ingress {
		ports(p.Spec.Ingress[i].Ports)
	}
	for i := range p.Spec.Egress {
		ports(p.Spec.Egress[i].Ports)
	}
	if len(p.Spec.PolicyTypes) > 0 {
		return
	}
	p.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
	if len(p.Spec.Egress) > 0 {
		p.Spec.PolicyTypes = append(p.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
	}
}

func validateNetworkPolicy(p, old *networkingv1.NetworkPolicy) (errs field.ErrorList) {
	s := &p.Spec
	errs = validateSelector(&s.PodSelector, specPath.Child("podSelector"))
	var before []string
	if old != nil {
		before = policyCIDRs(&old.Spec)
	}
	rule := func(ports []networkingv1.NetworkPolicyPort, peers []networkingv1.NetworkPolicyPeer, p *field.Path, side string) {
		for i := range ports {
			errs = append(errs, validatePolicyPort(&ports[i], p.Child("ports").Index(i))...)
		}
		for i := range peers {
			errs = append(errs, validatePeer(&peers[i], before, p.Child(side).Index(i))...)
		}
	}
	for i, r := range s.Ingress {
		rule(r.Ports, r.From, specPath.Child("ingress").Index(i), "from")
	}
	for i, r := range s.Egress {
		rule(r.Ports, r.To, specPath.Child("egress").Index(i), "to")
	}
	types := specPath.Child("policyTypes")
	if len(s.PolicyTypes) > 2 {
		return append(errs, field.Invalid(types, s.PolicyTypes, "may not specify more than two policyTypes"))
	}
	for i, t := range s.PolicyTypes {
		errs = append(errs, oneOfOrUnsupported(t, types.Index(i), networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress)...)
	}
	return errs
}

// policyCIDRs is all ranges of a policy.
func policyCIDRs(s *networkingv1.NetworkPolicySpec) (all []string) {
	add := func(peers []networkingv1.NetworkPolicyPeer) {
		for _, p := range peers {
			if p.IPBlock != nil {
				all = append(append(all, p.IPBlock.CIDR), p.IPBlock.Except...)
			}
		}
	}
	for _, r := range s.Ingress {
		add(r.From)
	}
	for _, r := range s.Egress {
		add(r.To)
	}
	return all
}

func validatePolicyPort(n *networkingv1.NetworkPolicyPort, p *field.Path) (errs field.ErrorList) {
	if n.Protocol != nil {
		errs = oneOfOrUnsupported(*n.Protocol, p.Child("protocol"), corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP)
	}
	port, end := p.Child("port"), p.Child("endPort")
	switch {
	case n.Port == nil:
		if n.EndPort != nil {
			errs = append(errs, field.Invalid(end, *n.EndPort, "may not be specified when `port` is not specified"))
		}
	case n.Port.Type == intstr.Int:
		errs = append(errs, validatePort(n.Port.IntVal, port)...)
		if n.EndPort == nil {
			return errs
		}
		if *n.EndPort < n.Port.IntVal {
			errs = append(errs, field.Invalid(end, *n.EndPort, "must be greater than or equal to `port`"))
		}
		errs = append(errs, validatePort(*n.EndPort, end)...)
	default:
		if n.EndPort != nil {
			errs = append(errs, field.Invalid(end, *n.EndPort, "may not be specified when `port` is non-numeric"))
		}
		errs = append(errs, invalids(port, n.Port.StrVal, validation.IsValidPortName(n.Port.StrVal))...)
	}
	return errs
}

func validatePeer(n *networkingv1.NetworkPolicyPeer, before []string, p *field.Path) (errs field.ErrorList) {
	errs = validateSelector(n.PodSelector, p.Child("podSelector"))
	errs = append(errs, validateSelector(n.NamespaceSelector, p.Child("namespaceSelector"))...)
	selects := n.PodSelector != nil || n.NamespaceSelector != nil
	if n.IPBlock == nil {
		if !selects {
			errs = append(errs, field.Required(p, "must specify a peer"))
		}
		return errs
	}
	errs = append(errs, validateIPBlock(n.IPBlock, before, p.Child("ipBlock"))...)
	if selects {
		errs = append(errs, field.Forbidden(p, "may not specify both ipBlock and another peer"))
	}
	return errs
}

// validateIPBlock checks a range and those left out of it; ranges that the policy had before are let be.
func validateIPBlock(b *networkingv1.IPBlock, before []string, p *field.Path) (errs field.ErrorList) {
	if b.CIDR == "" {
		return field.ErrorList{field.Required(p.Child("cidr"), "")}
	}
	errs = validation.IsValidCIDRForLegacyField(p.Child("cidr"), b.CIDR, true, before)
	_, all, err := netutils.ParseCIDRSloppy(b.CIDR)
	if err != nil {
		return errs
	}
	size, _ := all.Mask.Size()
	for i, e := range b.Except {
		at := p.Child("except").Index(i)
		errs = append(errs, validation.IsValidCIDRForLegacyField(at, e, true, before)...)
		_, except, err := netutils.ParseCIDRSloppy(e)
		if err != nil {
			continue
		}
		if n, _ := except.Mask.Size(); !all.Contains(except.IP) || size >= n {
			errs = append(errs, field.Invalid(at, e, "must be a strict subset of `cidr`"))
		}
	}
	return errs
}
