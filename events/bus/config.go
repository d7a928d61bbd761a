package bus

import (
	"crypto/tls"

	"go.uber.org/zap"

	"taffrail.dev/events/errs"
)

// maxMessage is the longest message: a request of 3 MiB, in a command and its
// envelope, with room.
const maxMessage = 8 << 20

// Config says where the bus is. Either DataDir (an embedded server) or URL (a remote
// one) is set.
type Config struct {
	// DataDir holds the embedded server's streams. One instance at a time opens it.
	DataDir string
	// Listen is the address, host:port, at which the embedded server takes
	// connections of other processes; "" is none, port 0 any free one. TLS is the server's
	// configuration for it; nil is no TLS.
	Listen string
	TLS    *tls.Config
	// MaxStore and MaxMemory bound the embedded server's streams, in bytes; 0 is
	// no bound on disk and 256 MiB in memory.
	MaxStore, MaxMemory int64

	// URL of a remote server, or several separated by commas; Credentials is a
	// file with an nkey seed (as Grant made it) or NATS credentials, or else User and
	// Password.
	URL            string
	Credentials    string
	User, Password string
	// ClientTLS is for a remote server with TLS; nil is the default for tls:// URLs.
	ClientTLS *tls.Config
	// Replicas of the streams on a remote cluster; 0 is 1.
	Replicas int
	// Join leaves the streams as they are: a service or a node joins a bus that a
	// gateway set up.
	Join bool

	Log *zap.Logger
}

func (c *Config) validate() error {
	const op = "open bus"
	switch {
	case (c.DataDir == "") == (c.URL == ""):
		return errs.F(op, errs.Invalid, "exactly one of a data dir and a URL is needed")
	case c.URL == "" && (c.Credentials != "" || c.User != "" || c.ClientTLS != nil || c.Join):
		return errs.F(op, errs.Invalid, "credentials are for a remote bus")
	case c.URL != "" && (c.Listen != "" || c.TLS != nil || c.MaxStore != 0 || c.MaxMemory != 0):
		return errs.F(op, errs.Invalid, "listening and limits are for an embedded bus")
	case c.Listen == "" && c.TLS != nil:
		return errs.F(op, errs.Invalid, "TLS without an address to listen at")
	}
	if c.Replicas == 0 {
		c.Replicas = 1
	}
	if c.MaxMemory == 0 {
		c.MaxMemory = 256 << 20
	}
	if c.MaxStore == 0 {
		c.MaxStore = 1 << 50
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	return nil
}
