package nftables

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"taffrail.dev/nodeagent/network/nft"
	"taffrail.dev/nodeagent/proxy"
	"taffrail.dev/nodeagent/proxy/conntrack"
)

// Config is what a Dataplane needs.
type Config struct {
	// Pods is the cluster's pod network: clients in it keep their address on cluster addresses.
	Pods netip.Prefix
	// HostNS is the path of the namespace to serve in; empty means the process's own.
	HostNS string
}

// Dataplane is a proxy.Dataplane.
type Dataplane struct {
	config Config
	layout *layout
	conn   *nftables.Conn
	batch  *batch

	// What the kernel has. A frontend has an entry in served or in refused, or in none.
	served  map[proxy.Frontend]*served
	refused map[proxy.Frontend]bool // true: drop
	picks   map[pick]bool
	hairpin map[netip.Addr]map[proxy.Frontend]bool // local backends, and who has them
}

// served is a frontend's part of the maps.
type served struct {
	pick  pick
	slots []netip.AddrPort // the backends by number
	local map[netip.Addr]bool
}

var _ proxy.Dataplane = (*Dataplane)(nil)

// New makes a dataplane; the kernel is left for Open.
func New(config Config) *Dataplane { return &Dataplane{config: config} }

// Probe says why the kernel cannot be a dataplane, or nil.
func Probe(hostNS string) error {
	conn, err := nft.Open(hostNS)
	if err != nil {
		return err
	}
	defer conn.CloseLasting()
	if _, err := conn.ListTablesOfFamily(nftables.TableFamilyIPv4); err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	return nil
}

// Open implements proxy.Dataplane.
func (d *Dataplane) Open(context.Context) (err error) {
	if d.conn, err = nft.Open(d.config.HostNS); err != nil {
		return err
	}
	d.layout = newLayout(d.config.Pods)
	d.batch = &batch{conn: d.conn}
	d.served, d.refused, d.picks = map[proxy.Frontend]*served{}, map[proxy.Frontend]bool{}, map[pick]bool{}
	d.hairpin = map[netip.Addr]map[proxy.Frontend]bool{}
	adopt, err := d.fit()
	if err != nil {
		return err
	}
	if err := d.layout.install(d.conn); err != nil {
		return err
	}
	if err := d.conn.Flush(); err != nil {
		return fmt.Errorf("nftables table: %w", err)
	}
	if adopt {
		return d.load()
	}
	return nil
}

// fit says whether the kernel has a table of this layout; another layout's is queued for removal.
func (d *Dataplane) fit() (bool, error) {
	chains, err := d.conn.ListChainsOfTableFamily(nftables.TableFamilyIPv4)
	if err != nil {
		return false, fmt.Errorf("nftables chains: %w", err)
	}
	exists, fit := false, false
	for _, chain := range chains {
		if chain.Table.Name == tableName {
			exists = true
			fit = fit || chain.Name == d.layout.stamp()
			if p, ok := parsePick(chain.Name); ok {
				d.picks[p] = true
			}
		}
	}
	if exists && !fit {
		d.conn.DelTable(d.layout.table)
		clear(d.picks)
	}
	return fit, nil
}

// Update implements proxy.Dataplane.
func (d *Dataplane) Update(_ context.Context, servers []proxy.Server) error {
	var stale conntrack.Stale
	for _, server := range servers {
		d.update(server, &stale)
		if err := d.batch.flushIfFull(); err != nil {
			return err
		}
	}
	if err := d.batch.flush(); err != nil {
		return err
	}
	return stale.Forget(d.config.HostNS)
}

// Delete implements proxy.Dataplane.
func (d *Dataplane) Delete(_ context.Context, frontends []proxy.Frontend) error {
	var stale conntrack.Stale
	for _, frontend := range frontends {
		d.withdraw(frontend, &stale)
		d.unrefuse(frontend)
		if err := d.batch.flushIfFull(); err != nil {
			return err
		}
	}
	if err := d.batch.flush(); err != nil {
		return err
	}
	return stale.Forget(d.config.HostNS)
}

// Prune implements proxy.Dataplane.
func (d *Dataplane) Prune(ctx context.Context, keep func(proxy.Frontend) bool) error {
	var gone []proxy.Frontend
	for frontend := range d.served {
		if !keep(frontend) {
			gone = append(gone, frontend)
		}
	}
	for frontend := range d.refused {
		if !keep(frontend) {
			gone = append(gone, frontend)
		}
	}
	for addr, users := range d.hairpin {
		if len(users) == 0 {
			d.batch.del(d.layout.hairpin, pair(addr))
			delete(d.hairpin, addr)
		}
	}
	return d.Delete(ctx, gone)
}

// Close implements proxy.Dataplane.
func (d *Dataplane) Close() error {
	if d.conn == nil {
		return nil
	}
	return d.conn.CloseLasting()
}

// Cleanup implements proxy.Dataplane.
func (d *Dataplane) Cleanup(context.Context) error {
	conn, err := nft.Open(d.config.HostNS)
	if err != nil {
		return err
	}
	defer conn.CloseLasting()
	conn.DelTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: tableName})
	if err := conn.Flush(); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("nftables table: %w", err)
	}
	return nil
}
