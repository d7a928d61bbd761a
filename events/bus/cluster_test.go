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
	"taffrail.dev/events/journal"
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
