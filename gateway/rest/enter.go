package rest

import (
	"context"
	"strconv"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/access"
	"taffrail.dev/gateway/flow"
)

const (
	// A list takes a seat for so many objects, and for so many bytes, as it may read.
	objectsPerSeat = 100
	bytesPerSeat   = 100_000
)

// enter waits at the door with a request, and tells its client how it was classified.
func (s *Server) enter(ctx context.Context, q *request, a *access.Attributes) (*flow.Seat, error) {
	schema := s.cfg.Door.Find(a)
	schema.Header(q.w.Header())
	return schema.Enter(ctx, a, s.width(q))
}

// Enter waits at the door with a call that came by another front than HTTP; it is Resolved.
func (s *Server) Enter(ctx context.Context, c *Call) (leave func(), err error) {
	a := c.attributes()
	seat, err := s.cfg.Door.Find(a).Enter(ctx, a, 1)
	if err != nil {
		return nil, err
	}
	return seat.Leave, nil
}

func (c *Call) attributes() *access.Attributes {
	return &access.Attributes{
		User: c.User, Verb: c.Verb, Namespace: c.Namespace, APIGroup: c.Kind.Group, APIVersion: c.Kind.Version,
		Resource: c.Kind.Resource, Subresource: c.Subresource, Name: c.Name,
	}
}

// width is how many seats a request takes: a list, or a watch that starts with what there is, by the size of what it
// may read, all others one.
func (s *Server) width(q *request) int {
	presents := q.Verb == "watch" && (q.query.Get("sendInitialEvents") == "true" || q.query.Get("resourceVersion") == "")
	if q.target.name != "" || q.Verb != "list" && q.Verb != "deletecollection" && !presents {
		return 1
	}
	table := s.cfg.View.Table(subject.Resource{Group: q.target.group, Name: q.target.resource})
	if table == nil {
		return 1
	}
	snapshot := table.Snapshot()
	count, bytes := snapshot.Len(), snapshot.Bytes
	if limit, err := strconv.Atoi(q.query.Get("limit")); err == nil && limit > 0 && limit < count {
		count, bytes = limit, bytes/count*limit
	}
	return 1 + max(count/objectsPerSeat, bytes/bytesPerSeat)
}
