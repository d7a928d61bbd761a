package dns

import (
	"context"
	"strings"

	"github.com/coredns/coredns/plugin"
	mdns "github.com/miekg/dns"
)

// cluster is the plugin that answers the cluster's own names.
type cluster struct {
	server  *Server
	next    plugin.Handler
	metrics *metrics
}

var _ plugin.Handler = (*cluster)(nil)

// Name is the plugin's.
func (c *cluster) Name() string { return "taffrail" }

// ServeDNS answers one question, or passes it on. Until the fold has caught up the cluster's
// names fail, so that nobody takes a name that is not known yet for one that does not exist.
func (c *cluster) ServeDNS(ctx context.Context, w mdns.ResponseWriter, r *mdns.Msg) (int, error) {
	if len(r.Question) != 1 {
		return mdns.RcodeFormatError, nil
	}
	q := r.Question[0]
	a, ready := c.decide(q.Name, q.Qtype)
	switch {
	case a.Mine && !ready:
		c.metrics.answered(mdns.RcodeServerFailure)
		return mdns.RcodeServerFailure, nil
	case !a.Mine && c.next == nil:
		return mdns.RcodeServerFailure, nil
	case !a.Mine:
		return plugin.NextOrFailure(c.Name(), c.next, ctx, w, r)
	}
	m := new(mdns.Msg).SetRcode(r, a.Rcode)
	m.Authoritative = true
	m.Answer, m.Extra = named(a.RRs, q.Name), a.Extra
	c.follow(ctx, w, m, q.Qtype)
	if len(m.Answer) == 0 {
		m.Ns = []mdns.RR{soa(c.server.config.Domain)}
	}
	c.metrics.answered(a.Rcode)
	return a.Rcode, w.WriteMsg(m)
}

// named gives records the question's spelling of the name.
func named(rrs []mdns.RR, name string) []mdns.RR {
	for _, rr := range rrs {
		if strings.EqualFold(rr.Header().Name, name) {
			rr.Header().Name = name
		}
	}
	return rrs
}
