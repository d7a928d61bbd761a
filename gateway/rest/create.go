package rest

import (
	"context"
	"errors"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/rand"

	"taffrail.dev/gateway/kind"
	"taffrail.dev/gateway/view"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

const (
	// Kubernetes' bounds for names made of generateName.
	maxGeneratedName = 63
	randomSuffix     = 5
	generateAttempts = 8
)

// create makes an object of the call's body.
func (s *Server) create(ctx context.Context, c *Call) (*Reply, error) {
	obj := c.served.New()
	if err := c.decode(obj, c.served.gvk); err != nil {
		return nil, err
	}
	if obj.GetResourceVersion() != "" {
		return nil, apierrors.NewBadRequest("resourceVersion should not be set on objects to be created")
	}
	if err := c.placed(obj); err != nil {
		return nil, err
	}
	c.Name = obj.GetName()
	if c.Name == "" && obj.GetGenerateName() == "" {
		// Validation says what is wrong.
		return s.createNamed(ctx, c, obj)
	}
	if c.Name != "" {
		return s.createNamed(ctx, c, obj)
	}
	prefix := obj.GetGenerateName()
	if len(prefix) > maxGeneratedName-randomSuffix {
		prefix = prefix[:maxGeneratedName-randomSuffix]
	}
	for attempt := 1; ; attempt++ {
		named := obj.DeepCopyObject().(kind.Object)
		c.Name = prefix + rand.String(randomSuffix)
		named.SetName(c.Name)
		reply, err := s.createNamed(ctx, c, named)
		if !apierrors.IsAlreadyExists(err) {
			return reply, err
		}
		if attempt == generateAttempts {
			return nil, apierrors.NewGenerateNameConflict(c.served.gr, c.Name, 1)
		}
	}
}

// placed checks a body's namespace against the path's.
func (c *Call) placed(obj kind.Object) error {
	switch namespace := obj.GetNamespace(); {
	case !c.served.Namespaced && namespace != "":
		obj.SetNamespace("")
	case namespace == "":
		obj.SetNamespace(c.Namespace)
	case namespace != c.Namespace:
		return apierrors.NewBadRequest("the namespace of the provided object does not match the namespace sent on the request")
	}
	return nil
}

func (s *Server) createNamed(ctx context.Context, c *Call, obj kind.Object) (*Reply, error) {
	s.born(c, obj)
	c.served.owners[""].Created(obj, c.manager(), c.Now)
	return s.createDecided(ctx, c, obj)
}

// born sets what the system knows about a new object.
func (s *Server) born(c *Call, obj kind.Object) {
	obj.SetUID(newUID())
	obj.SetCreationTimestamp(stamp(c.Now))
	obj.SetDeletionTimestamp(nil)
	obj.SetDeletionGracePeriodSeconds(nil)
	obj.SetSelfLink("")
	obj.SetGeneration(0)
	if c.served.Default != nil {
		c.served.Default(obj)
	}
}

// createDecided admits, validates and appends a new object whose owners are known.
func (s *Server) createDecided(ctx context.Context, c *Call, obj kind.Object) (*Reply, error) {
	if err := s.admit(ctx, c, obj, nil); err != nil {
		return nil, err
	}
	k := c.served
	if k.Prepare != nil {
		k.Prepare(obj, nil)
	}
	if k.Spec != nil {
		obj.SetGeneration(1)
	}
	if err := validateNew(c, obj); err != nil {
		return nil, err
	}
	if err := s.judge(ctx, c, obj, nil); err != nil {
		return nil, err
	}
	if k.Warnings != nil {
		for _, text := range k.Warnings(obj, nil) {
			c.warn(text)
		}
	}
	done, err := s.turn(ctx, c)
	if err != nil {
		return nil, err
	}
	defer done()
	t := s.begin(c)
	for range attempts {
		reply, err := s.createOnce(ctx, c, t, obj)
		if !errors.Is(err, errRace) {
			return reply, err
		}
	}
	return nil, apierrors.NewServerTimeout(k.gr, "create", 1)
}

func (s *Server) createOnce(ctx context.Context, c *Call, t *tx, obj kind.Object) (*Reply, error) {
	k := c.served
	if c.table.Snapshot().Get(c.Namespace, c.Name) != nil {
		if err := s.cfg.View.Fresh(ctx, c.table); err != nil {
			return nil, err
		}
		if e := c.table.Snapshot().Get(c.Namespace, c.Name); e != nil {
			return s.exists(ctx, c, e)
		}
	}
	candidate := obj
	if k.Allocate != nil {
		candidate = obj.DeepCopyObject().(kind.Object)
	}
	t.writes = append(t.writes[:0], write{kind: k.Kind, obj: candidate, what: eventv1.What_CREATED, verb: c.Verb})
	if k.Allocate != nil {
		if err := k.Allocate(t, candidate, nil); err != nil {
			return nil, err
		}
	}
	if err := s.charge(ctx, c, t, candidate, nil); err != nil {
		return nil, err
	}
	return s.finish(ctx, c, t, http.StatusCreated)
}

// exists answers a create of what is there: a repeat of the very command that made it with success.
func (s *Server) exists(ctx context.Context, c *Call, e *view.Entry) (*Reply, error) {
	if c.ID != "" {
		if m, err := s.journal(c.served.Kind).Get(ctx, e.Sequence); err == nil && view.EventID(m.Data) == c.ID {
			reply := c.replyEntry(e)
			reply.Code = http.StatusCreated
			return reply, nil
		}
	}
	return nil, apierrors.NewAlreadyExists(c.served.gr, c.Name)
}

// finish appends a transaction and answers with its first object.
func (s *Server) finish(ctx context.Context, c *Call, t *tx, code int) (*Reply, error) {
	first := &t.writes[0]
	if c.DryRun {
		if err := first.encode(); err != nil {
			return nil, err
		}
		if first.expect == 0 {
			return c.reply(code, first.obj, 0, first.wire(0)), nil
		}
		first.obj.SetResourceVersion(formatVersion(first.expect))
		return c.reply(code, first.obj, first.expect, first.wire(first.expect)), nil
	}
	sequence, err := t.append(ctx)
	if err != nil {
		return nil, err
	}
	first.obj.SetResourceVersion(formatVersion(sequence))
	return c.reply(code, first.obj, sequence, first.wire(sequence)), nil
}

// wire is what was stored, versioned, if it can be answered with as it is.
func (w *write) wire(sequence uint64) []byte {
	switch {
	case w.kind.Stored != nil:
		return nil
	case sequence == 0:
		return w.state
	}
	return view.Splice(w.state, sequence)
}
