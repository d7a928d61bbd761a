// Package bus is the NATS server that carries the journal and the commands: embedded
// in this process or remote, with its streams and permissions as data.
package bus

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"taffrail.dev/events/errs"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
)

// Bus is an open bus.
type Bus struct {
	config   Config
	embedded *embedded // nil when remote

	mu       sync.Mutex
	conns    map[string]*nats.Conn // by role name
	journals []*journal.JetStream
}

// Open starts or joins the bus and brings its streams up to date. Close it.
func Open(ctx context.Context, c Config) (*Bus, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	b := &Bus{config: c, conns: map[string]*nats.Conn{}}
	if c.DataDir != "" {
		var err error
		if b.embedded, err = start(c); err != nil {
			return nil, err
		}
	}
	if c.Join {
		return b, nil
	}
	if err := b.setUp(ctx); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

func (b *Bus) setUp(ctx context.Context) error {
	err := b.as(Gateway(), func(js jetstream.JetStream) error { return createSoon(ctx, js, b.config.Replicas) })
	if err != nil || b.embedded == nil {
		return err
	}
	undone := 0
	err = b.as(Operator(), func(js jetstream.JetStream) error {
		undone, err = undoTorn(ctx, js)
		return err
	})
	if err != nil {
		return err
	}
	if undone > 0 {
		b.config.Log.Warn("undid the torn batch of a power cut", zap.Int("events", undone))
		if err := b.embedded.restart(); err != nil { // the server still takes repeats of them for done
			return err
		}
	}
	return b.embedded.stage()
}

// as calls fn with a connection of a role, closed afterwards.
func (b *Bus) as(role Role, fn func(jetstream.JetStream) error) error {
	nc, err := b.dial(role)
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return errs.E("open bus", errs.Internal, err)
	}
	return fn(js)
}

// URL is where other processes reach an embedded bus that listens, or the remote's.
func (b *Bus) URL() string {
	if b.embedded == nil {
		return b.config.URL
	}
	if b.config.Listen == "" {
		return ""
	}
	return b.embedded.server.ClientURL()
}

// Conn is the connection of a role, made at the first call and shared; Close closes
// it. A remote server's permissions are those of the credentials.
func (b *Bus) Conn(role Role) (*nats.Conn, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if nc := b.conns[role.Name()]; nc != nil {
		return nc, nil
	}
	nc, err := b.dial(role)
	if err != nil {
		return nil, err
	}
	b.conns[role.Name()] = nc
	return nc, nil
}

func (b *Bus) dial(role Role) (*nats.Conn, error) {
	log := b.config.Log.With(zap.String("role", role.Name()))
	options := []nats.Option{
		nats.Name("taffrail " + role.Name()), nats.CustomInboxPrefix(subject.Inbox(role.Actor...)),
		nats.MaxReconnects(-1), nats.ReconnectWait(200 * time.Millisecond), nats.Timeout(10 * time.Second),
		nats.IgnoreAuthErrorAbort(), // for the same reason as in connect
		nats.ReconnectBufSize(-1),   // a write fails at once when disconnected, rather than wait unseen
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			log.Warn("bus connection error", zap.Error(err))
		}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("bus disconnected", zap.Error(err))
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { log.Info("bus reconnected") }),
	}
	more, err := b.authentication(role)
	if err != nil {
		return nil, err
	}
	nc, err := connect(b.config.URL, append(options, more...))
	if err != nil {
		return nil, errs.F("connect to bus", errs.Unavailable, "as %s: %w", role.Name(), err)
	}
	return nc, nil
}

// connectAttempts and connectWait bound how long a connection that is not let in tries again.
const (
	connectAttempts = 5
	connectWait     = 100 * time.Millisecond
)

// connect tries again when it is not let in: a server that learns of a new user lets go of all
// connections that have not said yet whose they are.
func connect(url string, options []nats.Option) (*nats.Conn, error) {
	nc, err := nats.Connect(url, options...)
	for attempt := 1; errors.Is(err, nats.ErrAuthorization) && attempt < connectAttempts; attempt++ {
		<-time.After(time.Duration(attempt) * connectWait)
		nc, err = nats.Connect(url, options...)
	}
	return nc, err
}

func (b *Bus) authentication(role Role) ([]nats.Option, error) {
	if b.embedded != nil {
		return b.embedded.connect(role)
	}
	var options []nats.Option
	if b.config.ClientTLS != nil {
		options = append(options, nats.Secure(b.config.ClientTLS))
	}
	if b.config.User != "" {
		return append(options, nats.UserInfo(b.config.User, b.config.Password)), nil
	}
	if b.config.Credentials == "" {
		return options, nil
	}
	data, err := os.ReadFile(b.config.Credentials)
	if err != nil {
		return nil, errs.E("read credentials of bus", errs.Invalid, err)
	}
	if strings.Contains(string(data), "NATS USER JWT") {
		return append(options, nats.UserCredentials(b.config.Credentials)), nil
	}
	seed, err := nats.NkeyOptionFromSeed(b.config.Credentials)
	if err != nil {
		return nil, errs.E("read credentials of bus", errs.Invalid, err)
	}
	return append(options, seed), nil
}

// Journal is a stream, read and written as a role; Close closes it.
func (b *Bus) Journal(role Role, stream subject.Stream, options journal.Options) (*journal.JetStream, error) {
	nc, err := b.Conn(role)
	if err != nil {
		return nil, err
	}
	if b.embedded != nil && stream != subject.Assign { // which is in memory
		options.Storage = b.embedded.disk
	}
	j := journal.NewJetStream(nc, string(stream), options)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.journals = append(b.journals, j)
	return j, nil
}

// Snapshots is the bucket of snapshots, as a role.
func (b *Bus) Snapshots(ctx context.Context, role Role) (jetstream.ObjectStore, error) {
	nc, err := b.Conn(role)
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, errs.E("open snapshots", errs.Internal, err)
	}
	store, err := js.ObjectStore(ctx, Snapshots)
	if err != nil {
		return nil, errs.E("open snapshots", errs.Unavailable, err)
	}
	return store, nil
}

// Close closes the connections, and shuts an embedded server down; it returns when
// that is done. What was acknowledged is on disk already.
func (b *Bus) Close() {
	b.mu.Lock()
	for _, j := range b.journals {
		j.Close()
	}
	for _, nc := range b.conns {
		nc.Close()
	}
	b.mu.Unlock()
	if b.embedded != nil {
		b.embedded.stop()
	}
}
