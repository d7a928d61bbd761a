package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"slices"
	"time"

	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	stats "k8s.io/kubelet/pkg/apis/stats/v1alpha1"

	"taffrail.dev/events/errs"
	"taffrail.dev/nodeagent/runtime"
)

// Pods is what the server asks of the agent.
type Pods interface {
	// Pods are the node's pods with their status.
	Pods() []*corev1.Pod
	// Container finds a pod's container, or with previous the one before it. errs.NotFound for a pod that
	// is not here; errs.BadRequest, with a text for the user, for a container that has not
	// begun or has no predecessor.
	Container(namespace, pod, uid, container string, previous bool) (Container, error)
	// NetNS is the path of a pod's network namespace, "" for the host's; errs.NotFound
	// if the pod is not here.
	NetNS(namespace, pod, uid string) (string, error)
	// Summary is the node's and its pods' figures.
	Summary(ctx context.Context) (*stats.Summary, error)
}

// Container is one attempt of a container.
type Container struct {
	ID, LogPath string
	// Ended is closed once the container has ended.
	Ended <-chan struct{}
}

// Config of a Server.
type Config struct {
	Pods    Pods
	Runtime runtime.Runtime
	// Listener takes connections; Certificate is the node's serving certificate,
	// Clients the authority of those who may ask.
	Listener    net.Listener
	Certificate tls.Certificate
	Clients     *x509.CertPool
	// Names are the client certificates' common names that may ask.
	Names []string
	// Metrics serves /metrics; nil for none.
	Metrics http.Handler
	Log     *zap.Logger
}

// Server is the node's API.
type Server struct{ Config }

// New makes a server; Run runs it.
func New(c Config) *Server {
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	return &Server{c}
}

// shutdown bounds the end of requests under way.
const shutdown = 2 * time.Second

// Run serves until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	server := &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: 10 * time.Second,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          zap.NewStdLog(s.Log),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		TLSConfig: &tls.Config{
			MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{s.Certificate},
			ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: s.Clients,
			// Upgraded connections want HTTP/1.1.
			NextProtos: []string{"http/1.1"},
		},
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
	}
	done := make(chan error, 1)
	go func() { done <- server.ServeTLS(s.Listener, "", "") }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdown)
	defer cancel()
	if err := server.Shutdown(end); err != nil {
		server.Close() // what still runs is a follower: it is cut off
	}
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Handler routes the kubelet's paths.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) })
	mux.HandleFunc("GET /pods", s.pods)
	mux.HandleFunc("GET /stats/summary", s.summary)
	mux.HandleFunc("GET /metrics/resource", s.resources)
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", s.containerLogs)
	for _, path := range []string{"/{namespace}/{pod}/{container}", "/{namespace}/{pod}/{uid}/{container}"} {
		mux.HandleFunc("/exec"+path, s.exec)
		mux.HandleFunc("/attach"+path, s.attach)
	}
	mux.HandleFunc("/portForward/{namespace}/{pod}", s.portForward)
	mux.HandleFunc("/portForward/{namespace}/{pod}/{uid}", s.portForward)
	if s.Metrics != nil {
		mux.Handle("GET /metrics", s.Metrics)
	}
	return s.allowed(mux)
}

// allowed lets the named clients in.
func (s *Server) allowed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 || !slices.Contains(s.Names, r.TLS.PeerCertificates[0].Subject.CommonName) {
			http.Error(w, "Forbidden", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// fail answers an error of the agent's with its status.
func fail(w http.ResponseWriter, err error) {
	code := http.StatusInternalServerError
	switch errs.KindOf(err) {
	case errs.NotFound:
		code = http.StatusNotFound
	case errs.BadRequest:
		code = http.StatusBadRequest
	}
	// Users read what it is about, not what was being done.
	if e := new(errs.Error); errors.As(err, &e) && e.Cause != nil {
		err = e.Cause
	}
	http.Error(w, err.Error(), code)
}
