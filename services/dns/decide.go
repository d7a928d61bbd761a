package dns

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"

	mdns "github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// ttl of all answers, in seconds.
const ttl = 5

// version of the specification of names in Kubernetes that is answered by.
const version = "1.1.0"

// Answer is the reply to one question.
type Answer struct {
	// Mine is false for names that are not the cluster's: ask elsewhere.
	Mine  bool
	Rcode int
	RRs   []mdns.RR
	Extra []mdns.RR
}

// Decide answers a question (name in lower case, with the final dot) from the state. Pure.
func (s *State) Decide(domain, question string, qtype uint16) Answer {
	if ip, ok := reverse(question); ok {
		return s.pointers(domain, question, ip, qtype)
	}
	rest, mine := strings.CutSuffix(question, domain)
	if !mine || rest != "" && !strings.HasSuffix(rest, ".") {
		return Answer{}
	}
	labels := strings.FieldsFunc(rest, func(r rune) bool { return r == '.' })
	slices.Reverse(labels) // from the domain outwards: svc, namespace, service, ...
	q := asked{State: s, domain: domain, name: question, qtype: qtype}
	a := q.answer(labels)
	a.Mine = true
	return a
}

// asked is one question under way.
type asked struct {
	*State
	domain, name string
	qtype        uint16
}

var (
	noData   = Answer{Rcode: mdns.RcodeSuccess}
	nxDomain = Answer{Rcode: mdns.RcodeNameError}
)

func (q asked) answer(labels []string) Answer {
	if len(labels) == 0 {
		return q.apex()
	}
	switch labels[0] {
	case "dns-version":
		if len(labels) == 1 && q.qtype == mdns.TypeTXT {
			return q.records(&mdns.TXT{Hdr: q.header(mdns.TypeTXT), Txt: []string{version}})
		}
		return noData
	case "pod":
		return q.pod(labels[1:])
	case "svc":
		return q.service(labels[1:])
	}
	return nxDomain
}

func (q asked) apex() Answer {
	switch q.qtype {
	case mdns.TypeSOA:
		return q.records(soa(q.domain))
	case mdns.TypeNS:
		return q.records(&mdns.NS{Hdr: q.header(mdns.TypeNS), Ns: "ns.dns." + q.domain})
	}
	return noData
}

// pod answers a-b-c-d.<namespace>.pod.
func (q asked) pod(labels []string) Answer {
	if len(labels) == 0 {
		return noData
	}
	if q.namespaces.Get("", labels[0]) == nil || len(labels) > 2 {
		return nxDomain
	}
	if len(labels) == 1 {
		return noData
	}
	for _, separator := range []string{".", ":"} {
		if ip, err := netip.ParseAddr(strings.ReplaceAll(labels[1], "-", separator)); err == nil {
			return q.addresses([]netip.Addr{ip})
		}
	}
	return nxDomain
}

// service answers [<host>. | _<port>._<protocol>.]<service>.<namespace>.svc.
func (q asked) service(labels []string) Answer {
	if len(labels) == 0 {
		return noData
	}
	if q.namespaces.Get("", labels[0]) == nil {
		return nxDomain
	}
	if len(labels) == 1 {
		return noData
	}
	service := q.services.Get(labels[0], labels[1])
	if service == nil || len(labels) > 4 {
		return nxDomain
	}
	if service.Spec.Type == corev1.ServiceTypeExternalName {
		return q.external(service, labels[2:])
	}
	ips := clusterIPs(service)
	rest := labels[2:]
	switch {
	case len(rest) == 2:
		return q.ports(service, ips, strings.TrimPrefix(rest[0], "_"), strings.TrimPrefix(rest[1], "_"), rest[0][0] == '_' && rest[1][0] == '_')
	case len(rest) == 1 && strings.HasPrefix(rest[0], "_"):
		return noData
	case len(rest) == 1:
		return q.host(service, rest[0])
	case q.qtype == mdns.TypeSRV:
		return q.ports(service, ips, "", "", true)
	case len(ips) > 0:
		return q.addresses(ips)
	}
	return q.headless(service)
}

func (q asked) external(service *corev1.Service, rest []string) Answer {
	if len(rest) > 0 {
		return nxDomain
	}
	return q.records(&mdns.CNAME{Hdr: q.header(mdns.TypeCNAME), Target: mdns.Fqdn(service.Spec.ExternalName)})
}

// headless answers with every endpoint that is ready.
func (q asked) headless(service *corev1.Service) Answer {
	var ips []netip.Addr
	for _, e := range q.endpoints(service) {
		ips = append(ips, e.ip)
	}
	if len(ips) == 0 {
		return nxDomain
	}
	return q.addresses(ips)
}

// host answers one endpoint's own name.
func (q asked) host(service *corev1.Service, hostname string) Answer {
	var ips []netip.Addr
	for _, e := range q.endpoints(service) {
		if e.label == hostname {
			ips = append(ips, e.ip)
		}
	}
	if len(ips) == 0 {
		return nxDomain
	}
	return q.addresses(ips)
}

// ports answers SRV: port and protocol "" are all. A service with an address of its own
// points at itself, a headless one at its endpoints.
func (q asked) ports(service *corev1.Service, ips []netip.Addr, protocol, port string, valid bool) Answer {
	if !valid {
		return nxDomain
	}
	var a Answer
	base := service.Name + "." + service.Namespace + ".svc." + q.domain
	add := func(number int32, target string, ip netip.Addr) {
		a.RRs = append(a.RRs, &mdns.SRV{Hdr: q.header(mdns.TypeSRV), Priority: 0, Weight: 100, Port: uint16(number), Target: target})
		a.Extra = append(a.Extra, address(target, ip))
	}
	if len(ips) > 0 {
		for _, p := range service.Spec.Ports {
			if matches(p.Name, string(p.Protocol), port, protocol) {
				add(p.Port, base, ips[0])
			}
		}
	} else {
		for _, e := range q.endpoints(service) {
			for _, p := range e.ports {
				if p.Port != nil && matches(deref(p.Name), string(deref(p.Protocol)), port, protocol) {
					add(*p.Port, e.label+"."+base, e.ip)
				}
			}
		}
	}
	switch {
	case len(a.RRs) == 0:
		return nxDomain
	case q.qtype != mdns.TypeSRV:
		return noData
	}
	return a
}

func matches(name, protocol, askedName, askedProtocol string) bool {
	return (askedName == "" || name == askedName) && (askedProtocol == "" || strings.EqualFold(protocol, askedProtocol))
}

// endpoint is one ready address of a headless service.
type endpoint struct {
	label string
	ip    netip.Addr
	ports []discoveryv1.EndpointPort
}

// endpoints are a service's ready ones (all of them where it publishes the others
// too), by host name and address.
func (s *State) endpoints(service *corev1.Service) []endpoint {
	bySlice := s.byService[name{service.Namespace, service.Name}]
	var out []endpoint
	for _, key := range slices.Sorted(maps.Keys(bySlice)) {
		slice := bySlice[key]
		for i := range slice.Endpoints {
			e := &slice.Endpoints[i]
			if e.Conditions.Ready != nil && !*e.Conditions.Ready && !service.Spec.PublishNotReadyAddresses {
				continue
			}
			for _, text := range e.Addresses {
				if ip, err := netip.ParseAddr(text); err == nil {
					out = append(out, endpoint{label(e, ip), ip, slice.Ports})
				}
			}
		}
	}
	slices.SortStableFunc(out, func(a, b endpoint) int {
		return cmp.Or(cmp.Compare(a.label, b.label), a.ip.Compare(b.ip))
	})
	return slices.CompactFunc(out, func(a, b endpoint) bool { return a.label == b.label && a.ip == b.ip && len(a.ports) == len(b.ports) })
}

// pointers answers an address's name: the service's that it is the virtual address of,
// or the endpoints'.
func (s *State) pointers(domain, question string, ip netip.Addr, qtype uint16) Answer {
	var targets []string
	if n, ok := s.virtual[ip]; ok {
		targets = append(targets, n.service+"."+n.namespace+".svc."+domain)
	}
	for h := range s.hosts[ip] {
		if service := s.services.Get(h.namespace, h.service); service != nil && len(clusterIPs(service)) == 0 {
			targets = append(targets, h.label+"."+h.service+"."+h.namespace+".svc."+domain)
		}
	}
	if len(targets) == 0 {
		return Answer{}
	}
	a := Answer{Mine: true}
	if qtype != mdns.TypePTR {
		return a
	}
	slices.Sort(targets)
	for _, target := range targets {
		a.RRs = append(a.RRs, &mdns.PTR{Hdr: header(question, mdns.TypePTR), Ptr: target})
	}
	return a
}
