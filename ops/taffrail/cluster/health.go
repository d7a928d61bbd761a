package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"
)

// health answers, of a part that runs alone, what a gateway answers of itself: /livez, /readyz and /metrics.
type health struct{ caughtUp atomic.Bool }

func (h *health) ready() { h.caughtUp.Store(true) }

// serveHealth serves it on loopback, if there is a port to, until ctx ends.
func (i *instance) serveHealth(ctx context.Context, group *errgroup.Group) (*health, error) {
	h := &health{}
	if i.HTTPPort == 0 {
		return h, nil
	}
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(i.HTTPPort)))
	if err != nil {
		return nil, fmt.Errorf("--http-port %d: %w", i.HTTPPort, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !h.caughtUp.Load() {
			http.Error(w, "not caught up", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, "ok")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(i.metrics, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10}
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return part("health", err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		return server.Close()
	})
	return h, nil
}
