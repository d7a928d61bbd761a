package connect

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Config of a Connector.
type Config struct {
	// Client is shown to the nodes, whose certificates CAs vouch for.
	Client tls.Certificate
	CAs    *x509.CertPool
	// Dial reaches nodes and pods; nil is a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// MaxConnections bounds the connections open at once; more are answered with 429. 0 is 1024.
	MaxConnections int
	// Idle closes a translated connection on which nothing was sent for so long; 0 is four hours.
	Idle time.Duration
	Log  *zap.Logger
}

// Connector makes connections. Its methods are kind.ConnectFuncs; it is safe for concurrent use.
type Connector struct {
	config Config
	// nodes dials nodes by name (see address), pods dials as asked.
	nodes, pods *http.Transport
	slots       chan struct{}
}

const (
	dialTimeout    = 10 * time.Second
	idleConnection = 90 * time.Second
	defaultIdle    = 4 * time.Hour
	defaultSlots   = 1024
)

// New makes a Connector.
func New(c Config) (*Connector, error) {
	if c.CAs == nil {
		return nil, errors.New("connect: no CAs for the nodes' certificates")
	}
	if c.Dial == nil {
		c.Dial = (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext
	}
	if c.MaxConnections == 0 {
		c.MaxConnections = defaultSlots
	}
	if c.Idle == 0 {
		c.Idle = defaultIdle
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	n := &Connector{config: c, slots: make(chan struct{}, c.MaxConnections)}
	n.nodes = &http.Transport{
		DialContext: n.dialNode, TLSClientConfig: n.tls(""), TLSHandshakeTimeout: dialTimeout,
		MaxIdleConnsPerHost: 4, IdleConnTimeout: idleConnection, DisableCompression: true,
	}
	n.pods = &http.Transport{
		DialContext: c.Dial, TLSHandshakeTimeout: dialTimeout, MaxIdleConnsPerHost: 4, IdleConnTimeout: idleConnection, DisableCompression: true,
		// What runs in a pod has a certificate of its own making; Kubernetes does not check it either.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}
	return n, nil
}

// Close drops idle connections.
func (n *Connector) Close() {
	n.nodes.CloseIdleConnections()
	n.pods.CloseIdleConnections()
}

func (n *Connector) tls(server string) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{n.config.Client}, RootCAs: n.config.CAs, ServerName: server, MinVersion: tls.VersionTLS12}
}

// limited holds one of the connector's slots while h serves.
func (n *Connector) limited(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case n.slots <- struct{}{}:
			defer func() { <-n.slots }()
			h.ServeHTTP(w, r)
		default:
			writeStatus(w, apierrors.NewTooManyRequests("too many connections are open, try again later", 1))
		}
	})
}
