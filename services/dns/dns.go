package dns

import (
	"bufio"
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"sync"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/cache"
	"github.com/coredns/coredns/plugin/forward"
	"github.com/coredns/coredns/plugin/pkg/proxy"
	"github.com/coredns/coredns/plugin/pkg/transport"
	"golang.org/x/sync/errgroup"

	"taffrail.dev/events/fold"
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
)

// Name is the service's.
const Name = "dns"

// Spec declares what the service reads; it writes nothing.
func Spec() process.Spec {
	return process.Spec{Name: Name, Reads: []subject.Resource{subject.Namespaces, subject.Services, subject.EndpointSlices}}
}

// Config of a Server.
type Config struct {
	// Listen is the address, host:port, for UDP and TCP; port 0 is any free one.
	Listen string
	// Domain is the cluster's, "cluster.local".
	Domain string
	// Upstreams are servers, host:port, for all other names; none answers those with
	// SERVFAIL.
	Upstreams []string
	// Bound is called with the address listened at; may be nil.
	Bound func(net.Addr)
}

// Server answers names.
type Server struct {
	config Config

	mu sync.RWMutex
	// state and ready are the fold, and whether it has caught up.
	state *State
	ready bool
}

// New makes a server; Run runs it.
func New(c Config) *Server {
	c.Domain = strings.ToLower(strings.Trim(c.Domain, ".")) + "."
	return &Server{config: c, state: NewState()}
}

// Spec declares the service.
func (s *Server) Spec() process.Spec { return Spec() }

// Run folds and serves until ctx ends.
func (s *Server) Run(ctx context.Context, d process.Deps) error {
	packets, stream, err := listen(ctx, s.config.Listen)
	if err != nil {
		return err
	}
	forwarder := s.forwarder()
	server, err := dnsserver.NewServer(transport.DNS+"://"+s.config.Listen, []*dnsserver.Config{s.chain(d, forwarder)})
	if err != nil {
		return errors.Join(err, packets.Close(), stream.Close())
	}
	if s.config.Bound != nil {
		s.config.Bound(packets.LocalAddr())
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return d.Source.Follow(ctx, Spec().Reads, func(b fold.Batch) error { return s.fold(b, d.Ready) })
	})
	group.Go(func() error { return stopped(ctx, server.ServePacket(packets)) })
	group.Go(func() error { return stopped(ctx, server.Serve(stream)) })
	group.Go(func() error {
		<-ctx.Done()
		return errors.Join(server.Stop(), forwarder.OnShutdown(), ctx.Err())
	})
	if err := group.Wait(); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// stopped is nil for the end of serving that was asked for.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (s *Server) fold(b fold.Batch, ready func()) error {
	s.mu.Lock()
	first := b.Ready && !s.ready
	for _, e := range b.Events {
		s.state.Apply(e)
	}
	s.ready = s.ready || b.Ready
	s.mu.Unlock()
	if first && ready != nil {
		ready()
	}
	return nil
}

// chain is the plugins that a question passes: the cluster's names, the cache, the
// upstreams.
func (s *Server) chain(d process.Deps, forwarder *forward.Forward) *dnsserver.Config {
	c := &dnsserver.Config{Zone: ".", Transport: transport.DNS}
	c.AddPlugin(func(next plugin.Handler) plugin.Handler {
		return &cluster{server: s, next: next, metrics: newMetrics(d.Metrics)}
	})
	c.AddPlugin(func(next plugin.Handler) plugin.Handler {
		c := cache.New()
		c.Next = next
		return c
	})
	if forwarder.Len() > 0 {
		c.AddPlugin(func(plugin.Handler) plugin.Handler { return forwarder })
	}
	return c
}

func (s *Server) forwarder() *forward.Forward {
	f := forward.New()
	for _, upstream := range s.config.Upstreams {
		f.SetProxy(proxy.NewProxy("forward", upstream, transport.DNS))
	}
	return f
}

// listen takes one port for both UDP and TCP.
func listen(ctx context.Context, address string) (net.PacketConn, net.Listener, error) {
	var c net.ListenConfig
	packets, err := c.ListenPacket(ctx, "udp", address)
	if err != nil {
		return nil, nil, err
	}
	stream, err := c.Listen(ctx, "tcp", packets.LocalAddr().String())
	if err != nil {
		return nil, nil, errors.Join(err, packets.Close())
	}
	return packets, stream, nil
}

// Resolvers are the name servers of a resolv.conf file, host:port.
func Resolvers(file string) ([]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []string
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) == 2 && fields[0] == "nameserver" && net.ParseIP(fields[1]) != nil {
			out = append(out, net.JoinHostPort(fields[1], "53"))
		}
	}
	return out, lines.Err()
}
