package bus_test

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"taffrail.dev/events/bus"
	"taffrail.dev/events/errs"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
)

// cluster is three servers; it returns where one of them listens.
func cluster(t *testing.T) string {
	t.Helper()
	var servers []*server.Server
	var hosts, routes []string
	for range 3 {
		hosts = append(hosts, freePort(t))
		routes = append(routes, "nats://"+hosts[len(hosts)-1])
	}
	for i, host := range hosts {
		_, port, err := net.SplitHostPort(host)
		if err != nil {
			t.Fatal(err)
		}
		number, err := strconv.Atoi(port)
		if err != nil {
			t.Fatal(err)
		}
		o := &server.Options{
			ServerName: fmt.Sprintf("server-%d", i), Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
			MaxPayload: 8 << 20, JetStream: true, StoreDir: t.TempDir(), SyncAlways: true, SyncInterval: time.Minute,
			JetStreamMaxMemory: 1 << 30, JetStreamMaxStore: 1 << 40,
			Cluster: server.ClusterOpts{Name: "journal", Host: "127.0.0.1", Port: number},
			Routes:  server.RoutesFromStr(strings.Join(routes, ",")),
		}
		s, err := server.NewServer(o)
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
		servers = append(servers, s)
	}
	until(t, "a leader of three", func() bool {
		for _, s := range servers {
			if s.JetStreamIsLeader() && len(s.JetStreamClusterPeers()) == 3 && s.ReadyForConnections(time.Second) {
				return true
			}
		}
		return false
	})
	return servers[0].ClientURL()
}

// until waits for a condition that nothing announces.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx := withTimeout(t)
	ticks := time.NewTicker(20 * time.Millisecond)
	defer ticks.Stop()
	for !done() {
		select {
		case <-ticks.C:
		case <-ctx.Done():
			t.Fatalf("no %s", what)
		}
	}
}

// TestReplicated runs the load on a journal of three replicas, where writes are pipelined
// and may find their subject in flight.
func TestReplicated(t *testing.T) {
	t.Parallel()
	b := open(t, bus.Config{URL: cluster(t), Replicas: 3})
	j := state(t, b)
	underLoad(t, j, journal.NewAppender(j, true))
}

// TestFence learns positions by appending: each is after all that was acknowledged and is the same for every reader,
// none is shown to one, and only the newest is kept.
func TestFence(t *testing.T) {
	t.Parallel()
	b := open(t, bus.Config{URL: cluster(t), Replicas: 3})
	j, err := b.Journal(bus.Gateway(), subject.State, journal.Options{Fence: true})
	if err != nil {
		t.Fatal(err)
	}
	var last uint64
	for i := range 5 {
		got, err := j.Append(withTimeout(t), journal.Record{Subject: path(i), Data: []byte("x")})
		if err != nil {
			t.Fatal(err)
		}
		if last, err = j.Last(withTimeout(t)); err != nil || last <= got[0] {
			t.Fatalf("the last is %d after %v was acknowledged: %v", last, got, err)
		}
	}
	if got := subjectsThrough(t, j, last); len(got) != 5 {
		t.Errorf("read %v", got)
	}
	if _, err := j.Get(withTimeout(t), last); err != nil {
		t.Errorf("the newest fence: %v", err)
	}
	if m, err := j.Get(withTimeout(t), 2); !errs.Is(err, errs.NotFound) {
		t.Errorf("an older fence is kept: %+v, %v", m, err)
	}
}
