package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	registrationv1 "k8s.io/api/admissionregistration/v1"

	"taffrail.dev/gateway/connect"
	"taffrail.dev/gateway/kind"
)

// Bounds of connections to one address.
const (
	idlePerAddress = 8
	idleTimeout    = 90 * time.Second
	dialTimeout    = 10 * time.Second
	// dialsAtMost is how many of a service's endpoints are tried.
	dialsAtMost = 3
)

// Dial reaches an address.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// clients are the HTTP clients of all webhooks, one for each address and bundle.
type clients struct {
	objects kind.Reader
	dial    Dial

	mu   sync.Mutex // guards open
	open map[client]*http.Client
}

// of is a target's client.
func (c *clients) of(t *target) (*http.Client, error) {
	if t.fault != nil {
		return nil, t.fault
	}
	key := t.client()
	c.mu.Lock()
	defer c.mu.Unlock()
	if have := c.open[key]; have != nil {
		return have, nil
	}
	made, err := c.make(t)
	if err != nil {
		return nil, err
	}
	if c.open == nil {
		c.open = map[client]*http.Client{}
	}
	c.open[key] = made
	return made, nil
}

func (c *clients) make(t *target) (*http.Client, error) {
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.bundle != "" {
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM([]byte(t.bundle)) {
			return nil, errors.New("unable to load root certificates: unable to parse bytes as PEM block")
		}
	}
	transport := &http.Transport{
		DialContext: c.dial, TLSClientConfig: settings, TLSHandshakeTimeout: dialTimeout, DisableCompression: true,
		MaxIdleConnsPerHost: idlePerAddress, IdleConnTimeout: idleTimeout, MaxResponseHeaderBytes: 64 << 10,
		// Of HTTP/2's one connection all calls would go to one endpoint.
		ForceAttemptHTTP2: t.service == nil,
	}
	if s := t.service; s != nil {
		transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) { return c.dialService(ctx, network, s) }
	}
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// dialService reaches one of a service's endpoints, any of them that can be reached.
func (c *clients) dialService(ctx context.Context, network string, s *registrationv1.ServiceReference) (net.Conn, error) {
	addresses, err := connect.ReadyEndpoints(c.objects, s.Namespace, s.Name, *s.Port)
	if err != nil {
		return nil, err
	}
	var last error
	for _, i := range rand.Perm(len(addresses))[:min(dialsAtMost, len(addresses))] {
		conn, err := c.dial(ctx, network, addresses[i])
		if err == nil {
			return conn, nil
		}
		last = err
	}
	return nil, last
}

// keep closes the clients that nobody needs any more.
func (c *clients) keep(needed map[client]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, have := range c.open {
		if !needed[key] {
			have.CloseIdleConnections()
			delete(c.open, key)
		}
	}
}

func (c *clients) close() { c.keep(nil) }
