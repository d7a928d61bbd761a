package dns

import (
	"net/netip"
	"slices"
	"strings"

	mdns "github.com/miekg/dns"
)

func header(name string, rrtype uint16) mdns.RR_Header {
	return mdns.RR_Header{Name: name, Rrtype: rrtype, Class: mdns.ClassINET, Ttl: ttl}
}

func (q asked) header(rrtype uint16) mdns.RR_Header { return header(q.name, rrtype) }

func (q asked) records(rrs ...mdns.RR) Answer { return Answer{RRs: rrs} }

// addresses answers A or AAAA with those addresses that are of the kind asked for.
func (q asked) addresses(ips []netip.Addr) Answer {
	var a Answer
	for _, ip := range ips {
		if rr := address(q.name, ip); rr.Header().Rrtype == q.qtype {
			a.RRs = append(a.RRs, rr)
		}
	}
	return a
}

func address(name string, ip netip.Addr) mdns.RR {
	if ip.Is4() {
		return &mdns.A{Hdr: header(name, mdns.TypeA), A: ip.AsSlice()}
	}
	return &mdns.AAAA{Hdr: header(name, mdns.TypeAAAA), AAAA: ip.AsSlice()}
}

// soa is the authority that negative answers carry.
func soa(domain string) *mdns.SOA {
	return &mdns.SOA{
		Hdr: header(domain, mdns.TypeSOA), Ns: "ns.dns." + domain, Mbox: "hostmaster." + domain,
		Serial: 1, Refresh: 7200, Retry: 1800, Expire: 86400, Minttl: ttl,
	}
}

// reverse is the address that a name under in-addr.arpa or ip6.arpa stands for.
func reverse(name string) (netip.Addr, bool) {
	if rest, ok := strings.CutSuffix(name, ".in-addr.arpa."); ok {
		parts := strings.Split(rest, ".")
		slices.Reverse(parts)
		ip, err := netip.ParseAddr(strings.Join(parts, "."))
		return ip, err == nil && ip.Is4()
	}
	rest, ok := strings.CutSuffix(name, ".ip6.arpa.")
	nibbles := strings.ReplaceAll(rest, ".", "")
	if !ok || len(nibbles) != 32 || len(rest) != 63 {
		return netip.Addr{}, false
	}
	var text strings.Builder
	for i := len(nibbles) - 1; i >= 0; i-- {
		text.WriteByte(nibbles[i])
		if i%4 == 0 && i > 0 {
			text.WriteByte(':')
		}
	}
	ip, err := netip.ParseAddr(text.String())
	return ip, err == nil
}

func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
