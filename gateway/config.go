package gateway

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"taffrail.dev/events/fold"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/access"
	"taffrail.dev/gateway/admission"
	"taffrail.dev/gateway/kind"
	"taffrail.dev/gateway/view"
)

// Config of a Gateway. Journals, Listener, Serving, ClientCAs and TokenKey are needed.
type Config struct {
	// Journals are STATE, LEASES and EVENTS, to write and to read. Writes to one on JetStream are
	// grouped by an Appender; Replicated says that the streams have replicas, which groups otherwise.
	Journals   map[subject.Stream]journal.Journal
	Replicated bool
	// Audit is the stream AUDIT, to which refusals are appended; nil keeps none.
	Audit journal.Writer
	// Snapshots shorten the start; nil for none. Taking them is a Snapshotter's.
	Snapshots *fold.Snapshots
	// Commands is the connection on which commands arrive; nil serves HTTP alone.
	Commands *nats.Conn

	// Listener is where HTTPS is served, Plain (may be nil) where HTTP is, with the same
	// authentication. The Gateway closes both.
	Listener, Plain net.Listener
	// Address is the gateway's host:port as clients reach it; empty is Listener's.
	Address string
	// Serving is the HTTPS certificate. ClientCAs sign the certificates of users and nodes.
	Serving   tls.Certificate
	ClientCAs *x509.CertPool
	// KubeletClient is what the gateway shows to the nodes' kubelet API, whose certificates
	// NodeCAs sign (nil: ClientCAs). Without a certificate, pods' logs and exec are not served.
	KubeletClient *tls.Certificate
	NodeCAs       *x509.CertPool
	// WebhookClient is shown to conversion webhooks that ask for a certificate; nil for none.
	WebhookClient *tls.Certificate
	// TokenKey signs service-account tokens for Issuer; empty is https://kubernetes.default.svc.cluster.local.
	TokenKey *ecdsa.PrivateKey
	Issuer   string
	// BootstrapTokens accepts the tokens of secrets of type bootstrap.kubernetes.io/token in kube-system.
	BootstrapTokens bool

	// Admission makes the plugins, in the order in which they run; Plugins is what a cluster has, nil for none.
	Admission func(Parts) []admission.Plugin
	// Hooks completes what kinds do beyond objects; nil for what the Gateway itself has.
	Hooks func(Parts, *kind.Hooks)
	// OpenAPI serves the paths below /openapi/; nil serves none.
	OpenAPI http.Handler
	// Others are handlers by path, authenticated and authorized as the rest.
	Others map[string]http.Handler
	// Ready are conditions of /readyz beside the folds'.
	Ready map[string]func() error

	// MaxInFlight is the seats that priority levels share (see flow); 0 is 2048.
	MaxInFlight int
	// Grace is how long requests under way may take to end at shutdown; 0 is 10 s.
	Grace time.Duration

	Log *zap.Logger
	// Metrics gets the gateway's; Gather is shown at /metrics, nil for neither.
	Metrics prometheus.Registerer
	Gather  prometheus.Gatherer
}

// Parts are what plugins and hooks are made of.
type Parts struct {
	Objects    *view.View
	Authorizer *access.Authorizer
	Tokens     *access.Tokens
	// Kinds are those served; plugins have them, hooks do not yet.
	Kinds   []*kind.Kind
	Metrics prometheus.Registerer
}

func (c *Config) validate() error {
	switch {
	case len(c.Journals) == 0:
		return errors.New("gateway: no journals")
	case c.Listener == nil:
		return errors.New("gateway: no listener")
	case c.ClientCAs == nil || c.TokenKey == nil || len(c.Serving.Certificate) == 0:
		return errors.New("gateway: certificates or keys are missing")
	}
	if c.Address == "" {
		c.Address = c.Listener.Addr().String()
	}
	if c.Issuer == "" {
		c.Issuer = "https://kubernetes.default.svc.cluster.local"
	}
	if c.NodeCAs == nil {
		c.NodeCAs = c.ClientCAs
	}
	if c.Grace == 0 {
		c.Grace = 10 * time.Second
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	return nil
}
