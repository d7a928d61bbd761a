package rest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"taffrail.dev/gateway/access"
	"taffrail.dev/gateway/kind"
)

// request is one HTTP request on its way through the server.
type request struct {
	Call
	w      http.ResponseWriter
	r      *http.Request
	target target
	query  url.Values
	format format
	code   int
	size   int
	// grace is how long the body may take before it has to come at a rate.
	grace time.Duration

	warnings warnings
}

// ServeHTTP authenticates, authorizes, bounds and answers.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := &request{w: w, r: r, grace: s.cfg.BodyGrace}
	q.Now, q.HTTP = s.cfg.Now(), r
	t, ok := parsePath(r.URL.EscapedPath())
	if ok {
		q.target = t
	}
	if !ok {
		s.serveOther(q)
		return
	}
	defer s.recovered(q)
	if err := s.serveResource(q); err != nil {
		q.refuse(err)
	}
	s.metrics.done(q)
}

func (s *Server) recovered(q *request) {
	if fault := recover(); fault != nil {
		if fault == http.ErrAbortHandler {
			panic(fault)
		}
		s.cfg.Log.Error("request panicked", zap.Any("panic", fault), zap.String("path", q.r.URL.Path), zap.ByteString("stack", debug.Stack()))
		q.refuse(apierrors.NewInternalError(errors.New("this request caused apiserver to panic. Look in the logs for details.")))
	}
}

// serveOther serves paths that are not a resource's.
func (s *Server) serveOther(q *request) {
	user, err := s.authenticate(q.r)
	if err != nil {
		q.refuse(err)
		return
	}
	ctx, cancel := context.WithTimeout(q.r.Context(), s.cfg.Timeout)
	defer cancel()
	a := &access.Attributes{User: user, Verb: strings.ToLower(q.r.Method), Path: q.r.URL.Path}
	seat, err := s.enter(ctx, q, a)
	if err != nil {
		q.refuse(err)
		return
	}
	defer seat.Leave()
	if err := s.authorize(ctx, a); err != nil {
		q.refuse(err)
		return
	}
	if q.r.URL.Query().Get("follow") == "true" { // it waits more than it works
		seat.Leave()
		unlimited(q.w)
	}
	s.cfg.NonResource.ServeHTTP(q.w, q.r.WithContext(kind.WithUser(q.r.Context(), user)))
}

func (s *Server) authenticate(r *http.Request) (kind.User, error) {
	if s.cfg.Authenticate == nil {
		return kind.User{Name: "system:admin", Groups: []string{"system:masters", "system:authenticated"}}, nil
	}
	return s.cfg.Authenticate(r)
}

func (s *Server) authorize(ctx context.Context, a *access.Attributes) error {
	if s.cfg.Authorize == nil {
		return nil
	}
	allowed, reason, err := s.cfg.Authorize(ctx, *a)
	switch {
	case err != nil:
		return access.Forbidden(a, err.Error())
	case !allowed:
		return access.Forbidden(a, reason)
	}
	return nil
}

// serveResource does everything up to the verb.
func (s *Server) serveResource(q *request) error {
	if err := q.target.unescape(); err != nil {
		return apierrors.NewBadRequest(err.Error())
	}
	if q.r.URL.RawQuery != "" {
		q.query = q.r.URL.Query()
	}
	watch, _ := strconv.ParseBool(q.query.Get("watch"))
	if q.Verb = verbOf(q.r.Method, &q.target, watch); q.Verb == "" {
		return apierrors.NewMethodNotSupported(schema.GroupResource{Group: q.target.group, Resource: q.target.resource}, q.r.Method)
	}
	var err error
	if q.User, err = s.authenticate(q.r); err != nil {
		return err
	}
	q.UserAgent, q.SourceAddress = q.r.UserAgent(), sourceOf(q.r)
	q.Warn = q.addWarning
	ctx := kind.WithUser(q.r.Context(), q.User)
	a := q.attributes()
	if s.connects(q) { // it lasts as long as its client likes, and takes no seat
		if err := s.authorize(ctx, a); err != nil {
			return err
		}
		if err := s.find(&q.Call, &q.target); err != nil {
			return err
		}
		return s.serveConnection(ctx, q)
	}
	short, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	seat, err := s.enter(short, q, a)
	if err != nil {
		return err
	}
	defer seat.Leave()
	if err := s.authorize(ctx, a); err != nil {
		return err
	}
	if err := s.find(&q.Call, &q.target); err != nil {
		return err
	}
	var ok bool
	if q.format, ok = negotiate(q.r, q.textual()); !ok {
		return notAcceptable()
	}
	if q.Verb == "watch" {
		return s.serveWatch(ctx, q, seat.Leave)
	}
	s.metrics.begin(q)
	defer s.metrics.end(q)
	return s.serveVerb(short, q)
}

// connects says whether a request is for a connection: exec, port-forward, proxy and their like.
func (s *Server) connects(q *request) bool {
	k := s.kinds.Load().paths[schema.GroupVersionResource{Group: q.target.group, Version: q.target.version, Resource: q.target.resource}]
	return k != nil && k.subs[q.target.subresource] != nil && k.subs[q.target.subresource].Connect != nil
}

func (q *request) attributes() *access.Attributes {
	t := &q.target
	return &access.Attributes{
		User: q.User, Verb: q.Verb, Namespace: t.namespace, APIGroup: t.group, APIVersion: t.version,
		Resource: t.resource, Subresource: t.subresource, Name: t.name,
	}
}

func (s *Server) serveConnection(ctx context.Context, q *request) error {
	handler, err := s.connection(ctx, &q.Call)
	if err != nil {
		return err
	}
	done := s.metrics.long(q)
	defer done()
	unlimited(q.w)
	handler.ServeHTTP(q.w, q.r)
	return nil
}

func (s *Server) serveVerb(ctx context.Context, q *request) error {
	switch q.Verb {
	case "list":
		return s.serveList(ctx, q)
	case "get":
		return s.serveGet(ctx, q)
	}
	if err := q.readBody(s.cfg.MaxBody); err != nil {
		return err
	}
	if err := q.writeOptions(); err != nil {
		return err
	}
	var reply *Reply
	var err error
	if q.Verb == "deletecollection" {
		o, bad := q.listOptions()
		if bad != nil {
			return bad
		}
		q.Reader = s.cfg.View
		reply, err = s.deleteCollection(ctx, &q.Call, o)
	} else {
		reply, err = s.Do(ctx, &q.Call)
	}
	if err != nil {
		return err
	}
	return s.respond(q, reply)
}

func (s *Server) serveGet(ctx context.Context, q *request) error {
	q.Reader = s.cfg.View
	reply, err := s.get(ctx, &q.Call, q.query.Get("resourceVersion"))
	if err != nil {
		return err
	}
	return s.respond(q, reply)
}

// respond writes a reply.
func (s *Server) respond(q *request, r *Reply) error {
	body, err := s.encodeReply(&q.Call, r, q.format, q.query.Get("includeObject"))
	if err != nil {
		return err
	}
	if r.Code == 0 {
		r.Code = http.StatusOK
	}
	q.write(r.Code, q.format.contentType(), body)
	return nil
}

// refuse writes an error as a Status.
func (q *request) refuse(err error) {
	if q.code != 0 { // the head is out: break the body off, so that no one takes it for whole
		if q.r.Context().Err() == nil {
			panic(http.ErrAbortHandler)
		}
		return
	}
	status := StatusOf(err)
	if d := status.Details; d != nil && d.RetryAfterSeconds > 0 {
		q.w.Header().Set("Retry-After", strconv.Itoa(int(d.RetryAfterSeconds)))
	}
	f, _ := negotiate(q.r, false)
	body, err := encodeStatus(status, f)
	if err != nil {
		http.Error(q.w, status.Message, int(status.Code))
		return
	}
	q.write(int(status.Code), f.contentType(), body)
}

func (q *request) write(code int, contentType string, body []byte) {
	h := q.w.Header()
	h["Content-Type"] = []string{contentType}
	h["Cache-Control"] = noCache
	q.code = code
	if len(body) > compressAbove && acceptsGzip(q.r) {
		q.size = compressed(q.w, code, func(w io.Writer) error { _, err := w.Write(body); return err })
		return
	}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	q.w.WriteHeader(code)
	q.size, _ = q.w.Write(body)
}

var noCache = []string{"no-cache, private"}

// readBody reads a bounded body.
func (q *request) readBody(most int64) error {
	q.ContentType = q.r.Header.Get("Content-Type")
	tooLarge := func() error {
		return apierrors.NewRequestEntityTooLargeError("limit is " + strconv.FormatInt(most, 10))
	}
	if q.r.ContentLength > most {
		return tooLarge()
	}
	if q.r.ContentLength == 0 {
		q.Body = []byte{}
		return nil
	}
	body, err := q.pressed(most + 1)
	switch {
	case err != nil:
		return broken(err)
	case int64(len(body)) > most:
		return tooLarge()
	case int64(len(body)) < q.r.ContentLength:
		return broken(io.ErrUnexpectedEOF)
	}
	q.Body = body
	return nil
}

// pressed reads a body as it comes: memory is taken for what was sent, not for what was announced.
func (q *request) pressed(most int64) ([]byte, error) {
	p := &pressed{from: q.r.Body, control: http.NewResponseController(q.w), began: time.Now(), grace: q.grace}
	announced := min(max(q.r.ContentLength, 0), 64<<10)
	body := bytes.NewBuffer(make([]byte, 0, announced+bytes.MinRead))
	_, err := body.ReadFrom(io.LimitReader(p, most))
	if err == nil { // else the server does not wait for the rest either
		p.release()
	}
	return body.Bytes(), err
}

func sourceOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// timeout of a watch: as asked, else half an hour to an hour.
func watchTimeout(asked *int64) time.Duration {
	const shortest = 30 * time.Minute
	if asked != nil && *asked > 0 {
		return time.Duration(*asked) * time.Second
	}
	return shortest + jitter(shortest)
}
