package flow

import (
	"context"
	"hash/maphash"
	"math"
	"net/http"
	"time"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"taffrail.dev/gateway/access"
)

const (
	// widest bounds the seats of one request, and so does a part of its level's.
	widest     = 10
	widestPart = 0.15
	// A request waits for a part of the time that it has, at most longestWait; one without a deadline waits usualWait.
	waitPart    = 4
	longestWait = time.Minute
	usualWait   = 15 * time.Second
)

// Schema is a flow schema at work: it is what a request was classified as.
type Schema struct {
	door        *Door
	object      *flowcontrolv1.FlowSchema
	level       *level
	by          flowcontrolv1.FlowDistinguisherMethodType
	salt        uint64
	widest      int
	schemaUID   []string
	priorityUID []string
	counts      counts
}

func (d *Door) newSchema(o *flowcontrolv1.FlowSchema, priority *flowcontrolv1.PriorityLevelConfiguration) *Schema {
	l := d.levels[priority.Name]
	s := &Schema{
		door: d, object: o, level: l, salt: maphash.String(d.seed, o.Name), counts: d.metrics.of(priority.Name, o.Name),
		schemaUID: []string{string(o.UID)}, priorityUID: []string{string(priority.UID)},
		widest: max(1, min(widest, int(math.Ceil(float64(l.nominal)*widestPart)))),
	}
	if m := o.Spec.DistinguisherMethod; m != nil {
		s.by = m.Type
	}
	return s
}

// Header adds what a client may know of its request's classification.
func (s *Schema) Header(h http.Header) {
	h["X-Kubernetes-Pf-Flowschema-Uid"] = s.schemaUID
	h["X-Kubernetes-Pf-Prioritylevel-Uid"] = s.priorityUID
}

// Name and Level are the schema's and its priority level's name.
func (s *Schema) Name() string  { return s.object.Name }
func (s *Schema) Level() string { return s.level.name }

// distinguisher tells the flows of a schema apart.
func (s *Schema) distinguisher(a *access.Attributes) string {
	switch s.by {
	case flowcontrolv1.FlowDistinguisherMethodByUserType:
		return a.User.Name
	case flowcontrolv1.FlowDistinguisherMethodByNamespaceType:
		return a.Namespace
	}
	return ""
}

// Seat is a request's place inside.
type Seat struct {
	schema     *Schema
	ticket     ticket
	attributes access.Attributes
	left       bool // guarded by the level
}

// Enter waits for `width` seats of the request's level; Leave gives them back. A refusal is a Status, TooManyRequests.
func (s *Schema) Enter(ctx context.Context, a *access.Attributes, width int) (*Seat, error) {
	seat := &Seat{schema: s, attributes: *a}
	t, l := &seat.ticket, s.level
	t.width, t.seat = max(1, min(width, s.widest)), seat
	hash := maphash.String(s.door.seed, s.distinguisher(a)) ^ s.salt
	l.mu.Lock()
	answer := l.fair.arrive(s.door.now(), t, hash)
	if answer == waits {
		t.ready = make(chan struct{})
	}
	l.mu.Unlock()
	switch answer {
	case noSeat:
		return nil, s.refuse(reasonNoSeat)
	case queueFull:
		return nil, s.refuse(reasonQueueFull)
	case waits:
		if err := s.await(ctx, t); err != nil {
			return nil, err
		}
	}
	s.counts.entered(t)
	return seat, nil
}

// await waits until a ticket may enter, for a part of the time that the request has.
func (s *Schema) await(ctx context.Context, t *ticket) error {
	s.counts.waiting(t, 1)
	defer s.counts.waiting(t, -1)
	limit := usualWait
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(time.Until(deadline)/waitPart, longestWait)
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	late := false
	select {
	case <-t.ready:
		return nil
	case <-timer.C:
		late = true
	case <-ctx.Done():
	}
	now := s.door.now()
	s.level.mu.Lock()
	given := s.level.fair.give(now, t, late)
	s.level.mu.Unlock()
	if !given { // it got in meanwhile
		return nil
	}
	s.counts.gaveUp(t, now)
	if late {
		return s.refuse(reasonLate)
	}
	return s.refuse(reasonCancelled)
}

func (s *Schema) refuse(reason int) error {
	s.counts.rejected[reason].Inc()
	return apierrors.NewTooManyRequests("too many requests are under way, please try again later", 1)
}

// Leave gives the seats back; again it does nothing.
func (s *Seat) Leave() {
	l, now := s.schema.level, s.schema.door.now()
	l.mu.Lock()
	left := s.left
	if s.left = true; !left {
		l.fair.leave(now, &s.ticket)
	}
	l.mu.Unlock()
	if !left {
		s.schema.counts.left(&s.ticket, now)
	}
}
