package rest

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/admission"
	"taffrail.dev/gateway/kind"
	"taffrail.dev/gateway/rest/ownership"
)

// Server answers requests.
type Server struct {
	cfg Config
	// kinds are replaced whole, under changing.
	kinds    atomic.Pointer[catalog]
	changing sync.Mutex
	owners   *ownership.Owners
	metrics  *metrics

	// What of the admission plugins has more to do than to admit.
	validators []admission.Validator
	connectors []admission.Connector
	chargers   []admission.Charger
	lanes      lanes

	// draining ends when watches have to.
	draining context.Context
	drain    context.CancelFunc
}

var _ http.Handler = (*Server)(nil)

// New makes a server; it needs no Run.
func New(cfg Config) (*Server, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, owners: ownership.New(cfg.Kinds), metrics: newMetrics(cfg.Metrics),
	}
	s.draining, s.drain = context.WithCancel(context.Background())
	s.kinds.Store(newCatalog(cfg.Kinds, s.owners))
	s.sortPlugins()
	return s, nil
}

// Change takes kinds away and adds others, at once: a request sees the kinds before or after.
func (s *Server) Change(gone, come []*kind.Kind) {
	s.changing.Lock()
	defer s.changing.Unlock()
	s.kinds.Store(s.kinds.Load().changed(gone, come, s.owners))
}

// Load reads what is large and otherwise read at first use: the schemas of apply.
func (s *Server) Load() { s.owners.Load() }

// Drain ends the watches, so that a server can shut down; their clients come back to another.
func (s *Server) Drain() { s.drain() }

// find completes a call with its kind; version may be empty. The error is a Status.
func (s *Server) find(c *Call, t *target) error {
	k := s.kinds.Load().find(t)
	if k == nil && s.cfg.Defining.Name != "" && t.group != "" {
		// It may have been defined a moment ago, by another replica.
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		err := s.cfg.View.CatchUp(ctx, s.cfg.Defining)
		cancel()
		if err == nil {
			k = s.kinds.Load().find(t)
		}
	}
	if k == nil || k.Internal || k.Namespaced && t.namespace == "" && t.name != "" || !k.Namespaced && t.namespace != "" {
		return unknownResource()
	}
	c.served, c.Kind = k, k.Kind
	c.Namespace, c.Name, c.Subresource = t.namespace, t.name, t.subresource
	if k.Text != nil {
		c.table = s.cfg.View.Ensure(k.SubjectResource())
		if k.Text.Warning != "" {
			c.warn(k.Text.Warning)
		}
		if k.Text.Closed && c.Verb == "create" && t.subresource == "" {
			return closed(k.gr, c.Verb)
		}
	} else {
		c.table = s.cfg.View.Table(k.SubjectResource())
	}
	if t.subresource != "" {
		if c.sub = k.subs[t.subresource]; c.sub == nil {
			return unknownResource()
		}
	}
	if k.Namespaced && t.namespace == "" && c.Verb == "create" && k.Review == nil {
		return apierrors.NewMethodNotSupported(k.gr, c.Verb)
	}
	onOne := c.Verb == "update" || c.Verb == "patch"
	if onOne && t.name == "" || c.Verb == "create" && t.name != "" && t.subresource == "" {
		return apierrors.NewMethodNotSupported(k.gr, c.Verb)
	}
	if !k.allows(c.Verb, t.subresource) {
		return apierrors.NewMethodNotSupported(k.gr, c.Verb)
	}
	return nil
}

// closed refuses a verb on objects whose definition is being deleted.
func closed(gr schema.GroupResource, verb string) error {
	err := apierrors.NewMethodNotSupported(gr, verb)
	err.ErrStatus.Message = fmt.Sprintf("%s not allowed while custom resource definition is terminating", verb)
	return err
}

// Resolve makes a call ready for Do: a front sets Verb, the body and who asks, then names the object.
func (s *Server) Resolve(c *Call, o subject.Object, version, subresource string) error {
	t := target{group: o.Group, version: version, resource: o.Resource.Name, namespace: o.Namespace, name: o.Name, subresource: subresource}
	if c.Verb == "create" && subresource == "" {
		t.name = ""
	}
	return s.find(c, &t)
}

// Do carries out a write or a get. A refusal is an error that StatusOf understands.
func (s *Server) Do(ctx context.Context, c *Call) (*Reply, error) {
	c.Reader = s.cfg.View
	if c.Now.IsZero() {
		c.Now = s.cfg.Now()
	}
	switch c.Verb {
	case "get":
		return s.get(ctx, c, "")
	case "create":
		switch {
		case c.sub != nil:
			return s.createOn(ctx, c)
		case c.served.Review != nil:
			return s.review(ctx, c)
		}
		return s.create(ctx, c)
	case "update":
		return s.update(ctx, c)
	case "patch":
		return s.patch(ctx, c)
	case "delete":
		return s.delete(ctx, c)
	}
	return nil, apierrors.NewMethodNotSupported(c.served.gr, c.Verb)
}

func (s *Server) journal(k *kind.Kind) journal.Journal { return s.cfg.Journals[k.Stream()] }

func (s *Server) review(ctx context.Context, c *Call) (*Reply, error) {
	obj := c.served.New()
	if err := c.decode(obj, c.served.gvk); err != nil {
		return nil, err
	}
	if c.served.Namespaced && obj.GetNamespace() == "" {
		obj.SetNamespace(c.Namespace)
	}
	out, err := c.served.Review(ctx, &c.Request, obj)
	if err != nil {
		return nil, err
	}
	return c.reply(http.StatusCreated, out, 0, nil), nil
}
