package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"taffrail.dev/tests/instance"
)

// inside marks the process that runs in the cluster's network namespace.
const inside = "TAFFRAIL_E2E_INSIDE"

// shared is the cluster that all tests use, each in a namespace of its own; images is
// the registry beside it.
var (
	shared *Cluster
	images *Registry
)

func TestMain(m *testing.M) {
	if os.Getenv(inside) == "" {
		os.Exit(outside())
	}
	os.Exit(run(m))
}

// outside runs this test binary again in a network namespace of its own, with a
// loopback and one address, as a machine with a network has.
func outside() int {
	const setup = `set -e
ip link set lo up
ip link add uplink type bridge
ip addr add 192.0.2.10/24 dev uplink
ip link set uplink up
ip route add default via 192.0.2.1
exec "$@"`
	self := exec.Command("sh", append([]string{"-c", setup, "sh", os.Args[0]}, os.Args[1:]...)...)
	self.Env = append(os.Environ(), inside+"=1")
	self.Stdin, self.Stdout, self.Stderr = os.Stdin, os.Stdout, os.Stderr
	self.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	err := self.Run()
	if exit, ok := err.(*exec.ExitError); ok {
		return exit.ExitCode()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func run(m *testing.M) int {
	bin, err := filepath.Abs(instance.Programs())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	folder, err := os.MkdirTemp("", "taffrail-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	if images, err = Serve(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer images.Close()
	if shared, err = Start(bin, filepath.Join(folder, "data")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := shared.Down(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	for _, left := range leftovers(folder) {
		fmt.Fprintln(os.Stderr, "left behind:", left)
		code = 1
	}
	if code != 0 {
		fmt.Fprintln(os.Stderr, shared.Log())
	}
	return code
}

// leftovers are mounts, interfaces, rules and processes of a cluster that is down.
func leftovers(folder string) []string {
	var out []string
	mounts, _ := os.ReadFile("/proc/mounts")
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, folder) {
			out = append(out, "mount "+strings.TrimSpace(line))
		}
	}
	links, _ := exec.Command("ip", "-o", "link").Output()
	for line := range strings.Lines(string(links)) {
		if !strings.Contains(line, ": lo:") && !strings.Contains(line, ": uplink:") {
			out = append(out, "interface "+strings.TrimSpace(line))
		}
	}
	tables, _ := exec.Command("nft", "list", "tables").Output()
	if text := strings.TrimSpace(string(tables)); text != "" {
		out = append(out, "nftables "+text)
	}
	processes, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range processes {
		text, _ := os.ReadFile(p)
		if strings.Contains(string(text), folder) {
			out = append(out, "process "+strings.ReplaceAll(string(text), "\x00", " "))
		}
	}
	return out
}

// namespace makes a namespace for a test and deletes it afterwards.
func namespace(t *testing.T) string {
	t.Helper()
	name := "e2e-" + strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(strings.TrimPrefix(t.Name(), "Test")))
	shared.Must(t, "create", "namespace", name)
	t.Cleanup(func() { shared.Must(t, "delete", "namespace", name, "--timeout=60s") })
	return name
}

// manifest reads a file of testdata with IMAGES replaced by the registry.
func manifest(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "IMAGES", images.Address)
}
