package dns

import (
	"strings"
	"testing"

	mdns "github.com/miekg/dns"
)

// Every question has an answer, and only names of the cluster or addresses are its own.
func FuzzQuestion(f *testing.F) {
	f.Add("web.default.svc.cluster.local.", mdns.TypeA)
	f.Add("_http._tcp.web.default.svc.cluster.local.", mdns.TypeSRV)
	f.Add("1.0.96.10.in-addr.arpa.", mdns.TypePTR)
	f.Add("dns-version.cluster.local.", mdns.TypeTXT)
	s := NewState()
	f.Fuzz(func(t *testing.T, name string, qtype uint16) {
		a := s.Decide("cluster.local.", name, qtype)
		if a.Mine && !strings.HasSuffix(name, "cluster.local.") && !strings.HasSuffix(name, ".arpa.") {
			t.Errorf("%q is taken for the cluster's", name)
		}
	})
}
