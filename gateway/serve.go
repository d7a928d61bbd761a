package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
)

// serveHTTP serves HTTPS, and HTTP if there is a listener for it, until ctx ends.
func (g *Gateway) serveHTTP(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return g.serveOn(ctx, tls.NewListener(g.cfg.Listener, g.tls())) })
	if g.cfg.Plain != nil {
		group.Go(func() error { return g.serveOn(ctx, g.cfg.Plain) })
	}
	return group.Wait()
}

func (g *Gateway) tls() *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{g.cfg.Serving},
		// The authenticator verifies: a certificate of a stranger is no error but no name.
		ClientAuth: tls.RequestClientCert,
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
	}
}

func (g *Gateway) serveOn(ctx context.Context, listener net.Listener) error {
	server := g.server()
	server.RegisterOnShutdown(g.rest.Drain)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), g.cfg.Grace)
	defer cancel()
	if err := server.Shutdown(ending); err != nil {
		_ = server.Close() // what has not ended by now is cut off
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (g *Gateway) server() *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           g.rest,
		Protocols:         protocols,
		ReadHeaderTimeout: 30 * time.Second,
		// What lasts longer, watches and connections, takes this away and bounds each of its writes.
		WriteTimeout:   90 * time.Second,
		IdleTimeout:    3 * time.Minute,
		MaxHeaderBytes: 64 << 10,
		ErrorLog:       zap.NewStdLog(g.cfg.Log.WithOptions(zap.IncreaseLevel(zap.WarnLevel))),
		HTTP2: &http.HTTP2Config{
			WriteByteTimeout:              30 * time.Second,
			MaxConcurrentStreams:          2000,
			MaxReadFrameSize:              1 << 20,
			MaxReceiveBufferPerConnection: 8 << 20,
			MaxReceiveBufferPerStream:     4 << 20,
		},
	}
}
