package bus

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"taffrail.dev/events/errs"
)

// embedded is a NATS server in this process.
type embedded struct {
	config Config
	lock   *os.File
	server *server.Server
	disk   *disk
	staged *staging

	mu sync.Mutex
	// roles are the users of this process, granted those of others, by public key.
	users []*server.NkeyUser
	keys  map[string]nkeys.KeyPair // by role name
}

func (c *Config) store() string { return filepath.Join(c.DataDir, "nats") }

// start opens the data dir and runs a server on it.
func start(c Config) (*embedded, error) {
	const op = "open bus"
	dir := c.store()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, errs.E(op, errs.Unavailable, err)
	}
	lock, err := acquire(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, err
	}
	e := &embedded{config: c, lock: lock, staged: &staging{}, keys: map[string]nkeys.KeyPair{}}
	if err := checkVersion(filepath.Join(dir, "version")); err != nil {
		return nil, e.abandon(err)
	}
	if e.users, err = readGrants(dir); err != nil {
		return nil, e.abandon(err)
	}
	if err := e.addLocked(Operator()); err != nil {
		return nil, e.abandon(err)
	}
	if err := e.serve(); err != nil {
		return nil, e.abandon(err)
	}
	return e, nil
}

// serve runs a server.
func (e *embedded) serve() error {
	const op = "open bus"
	options, err := e.options()
	if err != nil {
		return err
	}
	if e.server, err = server.NewServer(options); err != nil {
		return errs.E(op, errs.Invalid, err)
	}
	e.disk = &disk{dir: e.config.store(), server: e.server, staged: e.staged, broken: map[string]error{}}
	e.server.SetLogger(serverLog{e.config.Log.Sugar()}, false, false)
	e.server.Start()
	if !e.server.ReadyForConnections(30 * time.Second) {
		err = errs.F(op, errs.Unavailable, "the embedded server did not start")
	} else if !e.server.JetStreamEnabled() {
		err = errs.F(op, errs.Unavailable, "the embedded server could not open its streams in %s", e.config.store())
	}
	if err != nil {
		e.shutDown()
	}
	return err
}

func (e *embedded) abandon(err error) error {
	e.lock.Close()
	return err
}

func (e *embedded) shutDown() {
	e.server.Shutdown()
	e.server.WaitForShutdown()
}

func (e *embedded) restart() error {
	e.shutDown()
	return e.serve()
}

// stage has batches staged in memory from now on.
func (e *embedded) stage() (err error) {
	if e.staged, err = stage(e.config.store()); err != nil {
		return errs.E("stage batches in memory", errs.Unavailable, err)
	}
	e.disk.staged = e.staged
	return nil
}

func (e *embedded) stop() {
	e.shutDown()
	e.staged.close()
	e.lock.Close()
}

func (e *embedded) options() (*server.Options, error) {
	o := &server.Options{
		ServerName: "taffrail", DontListen: true, NoSigs: true, NoLog: true, NoSystemAccount: true,
		MaxPayload: maxMessage, MaxPending: 512 << 20, WriteDeadline: 30 * time.Second,
		JetStream: true, StoreDir: e.config.store(), DisableJetStreamBanner: true,
		JetStreamMaxMemory: e.config.MaxMemory, JetStreamMaxStore: e.config.MaxStore,
		// An acknowledged write survives a power cut: the server's own default would
		// lose two minutes.
		SyncAlways:      true,
		SyncInterval:    2 * time.Minute,
		JetStreamLimits: server.JSLimitOpts{DefaultMaxConsumers: -1, MaxBatchInflightPerStream: 1000, MaxBatchInflightTotal: 5000},
		Nkeys:           append([]*server.NkeyUser(nil), e.users...),
		// Few topics change often: the cache of matches would hold every object's
		// subject twice.
		NoSublistCache: true,
	}
	if e.config.Listen == "" {
		return o, nil
	}
	host, port, err := net.SplitHostPort(e.config.Listen)
	if err != nil {
		return nil, errs.F("open bus", errs.Invalid, "listen address %q: %w", e.config.Listen, err)
	}
	if o.Port, err = strconv.Atoi(port); err != nil {
		return nil, errs.F("open bus", errs.Invalid, "listen address %q: %w", e.config.Listen, err)
	}
	if o.Port == 0 {
		o.Port = server.RANDOM_PORT
	}
	o.DontListen, o.Host, o.TLSConfig, o.TLS = false, host, e.config.TLS, e.config.TLS != nil
	if o.TLS {
		o.TLSTimeout = 5
	}
	return o, nil
}

// addLocked gives a role a key of its own for this process's life.
func (e *embedded) addLocked(role Role) error {
	key, err := nkeys.CreateUser()
	if err != nil {
		return errs.E("make key", errs.Internal, err)
	}
	public, err := key.PublicKey()
	if err != nil {
		return errs.E("make key", errs.Internal, err)
	}
	e.keys[role.Name()] = key
	e.users = append(e.users, &server.NkeyUser{Nkey: public, Permissions: role.permissions()})
	return nil
}

// reload makes the server know the users.
func (e *embedded) reload() error {
	options, err := e.options()
	if err != nil {
		return err
	}
	if err := e.server.ReloadOptions(options); err != nil {
		return errs.E("add user to bus", errs.Internal, err)
	}
	return nil
}

// connect is the connection options of a role of this process, which is added when
// it is new.
func (e *embedded) connect(role Role) ([]nats.Option, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	key := e.keys[role.Name()]
	if key == nil {
		if err := e.addLocked(role); err != nil {
			return nil, err
		}
		if err := e.reload(); err != nil {
			return nil, err
		}
		key = e.keys[role.Name()]
	}
	public, err := key.PublicKey()
	if err != nil {
		return nil, errs.E("connect to bus", errs.Internal, err)
	}
	return []nats.Option{nats.InProcessServer(e.server), nats.Nkey(public, key.Sign)}, nil
}
