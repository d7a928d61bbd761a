package ipvs

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"time"

	vs "github.com/moby/ipvs"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"taffrail.dev/nodeagent/network/netns"
	"taffrail.dev/nodeagent/proxy"
	"taffrail.dev/nodeagent/proxy/conntrack"
)

// device holds the virtual addresses.
const device = "taffrail-ipvs0"

// Config is what a Dataplane needs.
type Config struct {
	// Pods is the cluster's pod network: clients in it keep their address on cluster addresses.
	Pods netip.Prefix
	// HostNS is the path of the namespace to serve in; empty means the process's own. All
	// virtual servers there are the dataplane's.
	HostNS string
	// Scheduler shares connections among backends: "rr" (when empty), "lc", "wlc", "sh", …
	Scheduler string
	// Drain is how long a backend that was taken out keeps its connections; 0 means 15 minutes.
	Drain time.Duration
}

// Dataplane is a proxy.Dataplane.
type Dataplane struct {
	config Config
	link   *netlink.Handle
	index  int // of the device
	sets   *membership
	stop   context.CancelFunc
	reaper sync.WaitGroup

	mu       sync.Mutex // guards what follows, and kernel, which is one socket
	kernel   *vs.Handle
	virtual  map[proxy.Frontend]*virtual // by virtual server: Addr is always valid
	served   map[proxy.Frontend]proxy.Server
	bound    map[netip.Addr]bool          // the device's addresses
	draining map[drained]time.Time        // until when
	locals   func() ([]netip.Addr, error) // the node's own addresses
}

var _ proxy.Dataplane = (*Dataplane)(nil)

// New makes a dataplane; the kernel is left for Open.
func New(config Config) *Dataplane {
	if config.Scheduler == "" {
		config.Scheduler = vs.RoundRobin
	}
	if config.Drain == 0 {
		config.Drain = 15 * time.Minute
	}
	return &Dataplane{config: config}
}

// Probe says why the kernel cannot be a dataplane, or nil.
func Probe(hostNS string) error {
	err := netns.Do(hostNS, func() error {
		_, err := os.Stat("/proc/sys/net/ipv4/vs/conntrack")
		return err
	})
	if err != nil {
		return fmt.Errorf("the kernel has no IPVS with connection tracking: %w", err)
	}
	return nil
}

// Open implements proxy.Dataplane.
func (d *Dataplane) Open(context.Context) error {
	d.virtual, d.served = map[proxy.Frontend]*virtual{}, map[proxy.Frontend]proxy.Server{}
	d.bound, d.draining = map[netip.Addr]bool{}, map[drained]time.Time{}
	err := netns.Do(d.config.HostNS, func() (err error) {
		if err := setSysctls(); err != nil {
			return err
		}
		if d.kernel, err = vs.New(""); err != nil {
			return fmt.Errorf("ipvs: %w", err)
		}
		d.link, err = netlink.NewHandle(unix.NETLINK_ROUTE)
		return err
	})
	if err != nil {
		return err
	}
	if err := d.openDevice(); err != nil {
		return fmt.Errorf("%s: %w", device, err)
	}
	if d.sets, err = openMembership(d.config); err != nil {
		return err
	}
	if err := d.load(); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	d.stop = stop
	d.reaper.Go(func() { d.reap(ctx) })
	return nil
}

// setSysctls makes the virtual server keep connections in the connection tracker, where
// masquerading finds them, and let go of backends that are gone.
func setSysctls() error {
	for _, s := range [][2]string{
		{"vs/conntrack", "1"}, {"vs/conn_reuse_mode", "0"}, {"vs/expire_nodest_conn", "1"}, {"vs/expire_quiescent_template", "1"},
	} {
		if err := os.WriteFile("/proc/sys/net/ipv4/"+s[0], []byte(s[1]), 0o644); err != nil {
			return fmt.Errorf("sysctl: %w", err)
		}
	}
	return nil
}

// Update implements proxy.Dataplane.
func (d *Dataplane) Update(_ context.Context, servers []proxy.Server) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	own, err := d.locals()
	if err != nil {
		return err
	}
	var stale conntrack.Stale
	for _, server := range servers {
		was := d.served[server.Frontend]
		d.served[server.Frontend] = server
		d.sets.replace(memberships(was, own), memberships(server, own))
	}
	if err := d.sets.flush(); err != nil {
		return err
	}
	for _, server := range servers {
		if err := d.serve(server, own, &stale); err != nil {
			return fmt.Errorf("%s: %w", server.Frontend, err)
		}
	}
	return stale.Forget(d.config.HostNS)
}

// Delete implements proxy.Dataplane.
func (d *Dataplane) Delete(_ context.Context, frontends []proxy.Frontend) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	own, err := d.locals()
	if err != nil {
		return err
	}
	var stale conntrack.Stale
	for _, frontend := range frontends {
		for _, at := range expand(frontend, own) {
			if err := d.withdraw(at, &stale); err != nil {
				return fmt.Errorf("%s: %w", frontend, err)
			}
		}
		d.sets.replace(memberships(d.served[frontend], own), nil)
		delete(d.served, frontend)
	}
	return errors.Join(d.sets.flush(), d.unbind(), stale.Forget(d.config.HostNS))
}

// Prune implements proxy.Dataplane.
func (d *Dataplane) Prune(ctx context.Context, keep func(proxy.Frontend) bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	own, err := d.locals()
	if err != nil {
		return err
	}
	nodes := map[netip.Addr]bool{}
	for _, addr := range own {
		nodes[addr] = true
	}
	var stale conntrack.Stale
	for at := range d.virtual {
		if keep(at) || nodes[at.Addr] && keep(proxy.Frontend{Protocol: at.Protocol, Port: at.Port}) {
			continue
		}
		if err := d.withdraw(at, &stale); err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
	}
	return errors.Join(d.sets.prune(), d.unbind(), stale.Forget(d.config.HostNS))
}

// Close implements proxy.Dataplane.
func (d *Dataplane) Close() error {
	if d.stop != nil {
		d.stop()
		d.reaper.Wait()
		d.stop = nil
	}
	if d.kernel != nil {
		d.kernel.Close()
		d.kernel = nil
	}
	if d.link != nil {
		d.link.Close()
		d.link = nil
	}
	if d.sets == nil {
		return nil
	}
	sets := d.sets
	d.sets = nil
	return sets.kernel.close()
}

// Cleanup implements proxy.Dataplane.
func (d *Dataplane) Cleanup(context.Context) error {
	err := netns.Do(d.config.HostNS, func() error {
		kernel, err := vs.New("")
		if err != nil {
			return err
		}
		defer kernel.Close()
		if err := kernel.Flush(); err != nil {
			return err
		}
		link, err := netlink.LinkByName(device)
		if errors.As(err, new(netlink.LinkNotFoundError)) {
			return nil
		}
		if err != nil {
			return err
		}
		return netlink.LinkDel(link)
	})
	return errors.Join(err, removeSets(d.config))
}
