package gateway

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"taffrail.dev/events/bus"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/access"
	"taffrail.dev/gateway/admission"
	"taffrail.dev/gateway/audit"
	"taffrail.dev/gateway/command"
	"taffrail.dev/gateway/connect"
	"taffrail.dev/gateway/crd"
	"taffrail.dev/gateway/discovery"
	"taffrail.dev/gateway/flow"
	"taffrail.dev/gateway/history"
	"taffrail.dev/gateway/kind"
	"taffrail.dev/gateway/rest"
	"taffrail.dev/gateway/view"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

// Gateway is one replica of the door. Any replica answers any request.
type Gateway struct {
	cfg      Config
	view     *view.View
	rest     *rest.Server
	commands *command.Handler
	door     *flow.Door
	kinds    []*kind.Kind
	// customs are the kinds that users define, keeper does what their definitions ask for.
	customs *crd.Registry
	keeper  *crd.Keeper
	plugins []admission.Plugin
	// audit is nil where refusals are not kept.
	audit *audit.Log
	// connector is nil where connections to nodes are not served.
	connector *connect.Connector
	others    *discovery.Server
}

// New assembles a gateway; Run starts it.
func New(cfg Config) (*Gateway, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	readers := map[subject.Stream]journal.Reader{}
	for stream, j := range cfg.Journals {
		readers[stream] = j
	}
	cfg.Journals = grouped(cfg.Journals, cfg.Replicated)
	options := view.Config{Journals: readers, Log: cfg.Log}
	if cfg.Snapshots != nil {
		options.Snapshots = cfg.Snapshots
	}
	g := &Gateway{cfg: cfg, view: view.New(options)}
	parts, err := g.parts()
	if err != nil {
		return nil, err
	}
	if cfg.KubeletClient != nil {
		g.connector, err = connect.New(connect.Config{Client: *cfg.KubeletClient, CAs: cfg.NodeCAs, Log: cfg.Log})
		if err != nil {
			return nil, err
		}
	}
	kinds := kind.All(g.hooks(parts))
	g.kinds = kinds
	g.view.Add(kinds...)
	g.view.Observe(access.Watches, parts.Authorizer.Changed)
	g.customs, err = crd.New(crd.Config{
		View: g.view, Change: g.changeKinds, BuiltIn: builtIn(kinds), Certificate: cfg.WebhookClient, Log: cfg.Log,
	})
	if err != nil {
		return nil, err
	}
	g.view.Observe(g.customs.Watches, g.customs.Changed)
	g.door = flow.New(flow.Config{Objects: g.view, Seats: cfg.MaxInFlight, Metrics: cfg.Metrics})
	g.view.Observe(flow.Watches, g.door.Changed)
	g.others, err = g.nonResource(kinds, parts)
	if err != nil {
		return nil, err
	}
	if cfg.Admission != nil {
		parts.Kinds = kinds
		g.plugins = cfg.Admission(parts)
	}
	var refused func(*eventv1.Event)
	if cfg.Audit != nil {
		g.audit = audit.New(cfg.Audit, cfg.Metrics, cfg.Log)
		refused = g.audit.Take
	}
	authenticator := &access.Authenticator{ClientCAs: cfg.ClientCAs, Tokens: parts.Tokens, Authorize: parts.Authorizer.Authorize}
	g.rest, err = rest.New(rest.Config{
		Kinds: kinds, View: g.view, Journals: cfg.Journals, Admission: g.plugins, Refused: refused,
		Authenticate: authenticator.Authenticate, Authorize: parts.Authorizer.Authorize, NonResource: g.others,
		Defining: kind.CustomResourceDefinitions,
		Door:     g.door, Log: cfg.Log, Metrics: cfg.Metrics,
	})
	if err != nil {
		return nil, err
	}
	g.keeper = &crd.Keeper{Registry: g.customs, Writer: &writer{g.rest}, Now: time.Now, Log: cfg.Log}
	g.commands = &command.Handler{Server: g.rest, Authorize: parts.Authorizer.Authorize, Log: cfg.Log}
	return g, nil
}

// appending is a journal whose writes are grouped.
type appending struct {
	journal.Reader
	journal.Writer
}

func grouped(journals map[subject.Stream]journal.Journal, replicated bool) map[subject.Stream]journal.Journal {
	out := map[subject.Stream]journal.Journal{}
	for stream, j := range journals {
		out[stream] = j
		if direct, ok := j.(*journal.JetStream); ok {
			out[stream] = appending{direct, journal.NewAppender(direct, replicated)}
		}
	}
	return out
}

func (g *Gateway) parts() (Parts, error) {
	tokens, err := access.NewTokens(g.cfg.Issuer, []string{g.cfg.Issuer}, g.cfg.TokenKey, g.view, nil)
	if err != nil {
		return Parts{}, err
	}
	tokens.Bootstrap = g.cfg.BootstrapTokens
	return Parts{Objects: g.view, Authorizer: access.NewAuthorizer(g.view, g.view.PodsOnNode), Tokens: tokens, Metrics: g.cfg.Metrics}, nil
}

func (g *Gateway) hooks(p Parts) kind.Hooks {
	reviews := &access.Reviews{Tokens: p.Tokens, Authorizer: p.Authorizer}
	h := kind.Hooks{
		ServiceAccountToken: p.Tokens.CreateToken,
		TokenReview:         reviews.Token, SelfSubjectReview: reviews.SelfSubject,
		SubjectAccessReview: reviews.SubjectAccess, LocalSubjectAccessReview: reviews.LocalSubjectAccess,
		SelfSubjectAccessReview: reviews.SelfSubjectAccess, SelfSubjectRulesReview: reviews.SelfSubjectRules,
	}
	if n := g.connector; n != nil {
		h.PodLog, h.PodExec, h.PodAttach, h.PodPortForward = n.PodLog, n.PodExec, n.PodAttach, n.PodPortForward
		h.PodProxy, h.ServiceProxy, h.NodeProxy = n.PodProxy, n.ServiceProxy, n.NodeProxy
	}
	if g.cfg.Hooks != nil {
		g.cfg.Hooks(p, &h)
	}
	return h
}

// nonResource serves discovery, health, metrics, keys and history.
func (g *Gateway) nonResource(kinds []*kind.Kind, p Parts) (*discovery.Server, error) {
	others := map[string]http.Handler{}
	keys, err := p.Tokens.OIDC()
	if err != nil {
		return nil, err
	}
	others["/openid/v1/jwks"], others["/.well-known/openid-configuration"] = keys, keys
	if g.cfg.Gather != nil {
		others["/metrics"] = promhttp.HandlerFor(g.cfg.Gather, promhttp.HandlerOpts{})
	}
	maps.Copy(others, g.door.Dumps())
	others[history.Path] = &history.Handler{
		Kinds:   kinds,
		Custom:  g.customs.Kinds,
		Journal: func(s subject.Stream) journal.Reader { return g.cfg.Journals[s] },
		Visible: func(r *http.Request, o history.Object) bool { return g.visible(r, p, o) },
		Now:     time.Now,
	}
	for path, handler := range g.cfg.Others {
		others[path] = handler
	}
	return discovery.New(discovery.Config{
		Kinds: kinds, Custom: g.customs.Kinds, Fresh: g.fresh, Address: g.cfg.Address, OpenAPI: g.cfg.OpenAPI, Others: others, Ready: g.checks(),
	})
}

func (g *Gateway) visible(r *http.Request, p Parts, o history.Object) bool {
	user, ok := kind.UserFrom(r.Context())
	if !ok {
		return false
	}
	allowed, _, err := p.Authorizer.Authorize(r.Context(), access.Attributes{
		User: user, Verb: "get", Namespace: o.Namespace, APIGroup: o.Group, Resource: o.Resource, Name: o.Name,
	})
	return err == nil && allowed
}

// checks are the conditions of being ready: every fold has caught up, and says by how much it has not.
func (g *Gateway) checks() []discovery.Check {
	checks := []discovery.Check{{Name: "folds", Check: func(context.Context) error {
		for _, l := range g.view.Lags() {
			if !l.Ready {
				return fmt.Errorf("%s is folded to %d of %d", l.Stream, l.Through, l.Last)
			}
		}
		return nil
	}}}
	for name, check := range g.cfg.Ready {
		checks = append(checks, discovery.Check{Name: name, Check: func(context.Context) error { return check() }})
	}
	return checks
}

// View is the gateway's memory.
func (g *Gateway) View() *view.View { return g.view }

// Ready waits until every fold has caught up.
func (g *Gateway) Ready(ctx context.Context) error { return g.view.Ready(ctx) }

// Handler carries out commands in this process, without the bus.
func (g *Gateway) Handler() *command.Handler { return g.commands }

// Run folds, serves commands and HTTP until ctx ends, then lets what is under way end.
func (g *Gateway) Run(ctx context.Context) error {
	// The folds outlive the requests that wait for them.
	folding, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	folds := make(chan error, 1)
	go func() { folds <- g.view.Run(folding) }()

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		select {
		case err := <-folds:
			folds <- nil
			return fmt.Errorf("folding: %w", err)
		case <-ctx.Done():
			return nil
		}
	})
	group.Go(func() error { return g.serveHTTP(ctx) })
	group.Go(func() error { return g.expire(ctx) })
	group.Go(func() error { return g.keep(ctx) })
	if g.audit != nil {
		group.Go(func() error { return g.audit.Run(ctx) })
	}
	group.Go(func() error { return g.door.Run(ctx) })
	if g.cfg.Commands != nil {
		group.Go(func() error {
			if err := g.view.Ready(ctx); err != nil {
				return err
			}
			return bus.ServeCommands(ctx, g.cfg.Commands, g.commands.Handle)
		})
	}
	err := group.Wait()
	if g.connector != nil {
		g.connector.Close()
	}
	for _, p := range g.plugins {
		if c, ok := p.(interface{ Close() }); ok {
			c.Close()
		}
	}
	stop()
	<-folds
	return err
}
