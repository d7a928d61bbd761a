package dns

import (
	"context"
	"strings"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/nonwriter"
	mdns "github.com/miekg/dns"
)

// maxAliases bounds a chain of external names.
const maxAliases = 8

// follow adds to an alias the addresses that it leads to: the resolvers in containers do
// not ask again themselves. An alias that leads nowhere is answered alone.
func (c *cluster) follow(ctx context.Context, w mdns.ResponseWriter, m *mdns.Msg, qtype uint16) {
	if qtype != mdns.TypeA && qtype != mdns.TypeAAAA {
		return
	}
	for range maxAliases {
		if len(m.Answer) == 0 {
			return
		}
		alias, ok := m.Answer[len(m.Answer)-1].(*mdns.CNAME)
		if !ok {
			return
		}
		a, _ := c.decide(alias.Target, qtype)
		if !a.Mine {
			m.Answer = append(m.Answer, c.elsewhere(ctx, w, m, alias.Target, qtype)...)
			return
		}
		if len(a.RRs) == 0 {
			return
		}
		m.Answer = append(m.Answer, a.RRs...)
	}
}

// elsewhere is what the upstreams say of a name.
func (c *cluster) elsewhere(ctx context.Context, w mdns.ResponseWriter, m *mdns.Msg, name string, qtype uint16) []mdns.RR {
	if c.next == nil {
		return nil
	}
	question := new(mdns.Msg).SetQuestion(name, qtype)
	question.RecursionDesired = m.RecursionDesired
	answer := nonwriter.New(w)
	if _, err := plugin.NextOrFailure(c.Name(), c.next, ctx, answer, question); err != nil || answer.Msg == nil {
		return nil
	}
	return answer.Msg.Answer
}

// decide answers a question from the fold; ready is whether that has caught up.
func (c *cluster) decide(name string, qtype uint16) (a Answer, ready bool) {
	c.server.mu.RLock()
	defer c.server.mu.RUnlock()
	return c.server.state.Decide(c.server.config.Domain, strings.ToLower(name), qtype), c.server.ready
}
