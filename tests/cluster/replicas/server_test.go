package replicas

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"taffrail.dev/tests/instance"
)

// serverConfig is set in a process that is a server of the journal: its configuration in JSON.
const serverConfig = "TAFFRAIL_TEST_JOURNAL_SERVER"

func TestMain(m *testing.M) {
	if text := os.Getenv(serverConfig); text != "" {
		if err := serve(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// journalServer is one of the journal's servers.
type journalServer struct {
	Name, Store, Routes string
	Port, ClusterPort   int
}

func serve(text string) error {
	var c journalServer
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return err
	}
	s, err := server.NewServer(&server.Options{
		ServerName: c.Name, Host: "127.0.0.1", Port: c.Port, NoSigs: true, MaxPayload: 8 << 20,
		JetStream: true, StoreDir: c.Store, SyncAlways: true, SyncInterval: time.Minute,
		JetStreamMaxMemory: 256 << 20, JetStreamMaxStore: 10 << 30,
		Cluster: server.ClusterOpts{Name: "journal", Host: "127.0.0.1", Port: c.ClusterPort},
		Routes:  server.RoutesFromStr(c.Routes),
	})
	if err != nil {
		return err
	}
	s.ConfigureLogger()
	s.Start()
	s.WaitForShutdown()
	return nil
}

// journalServers are three that make a cluster, not started, and where they listen.
func journalServers(t *testing.T) (parts []*part, url string) {
	t.Helper()
	var servers []journalServer
	var routes, urls []string
	for i := range 3 {
		s := journalServer{Name: fmt.Sprintf("journal-%d", i), Store: filepath.Join(t.TempDir(), "journal"), Port: port(t), ClusterPort: port(t)}
		servers = append(servers, s)
		routes = append(routes, fmt.Sprintf("nats://127.0.0.1:%d", s.ClusterPort))
		urls = append(urls, fmt.Sprintf("nats://127.0.0.1:%d", s.Port))
	}
	for _, s := range servers {
		s.Routes = strings.Join(routes, ",")
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, &part{
			name: s.Name,
			command: func() *exec.Cmd {
				process := exec.Command(os.Args[0])
				process.Env = append(os.Environ(), serverConfig+"="+string(text))
				return process
			},
			ready: func() error {
				conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.Port))
				if err == nil {
					conn.Close()
				}
				return err
			},
		})
	}
	return parts, strings.Join(urls, ",")
}

func port(t *testing.T) int {
	t.Helper()
	n, err := instance.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return n
}
