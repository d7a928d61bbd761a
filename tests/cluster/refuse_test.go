package cluster

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"taffrail.dev/tests/instance"
)

// taffrail runs a command to its end and returns its exit code, output and complaints.
func taffrail(t *testing.T, args ...string) (code int, out, complaints string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var stdout, stderr strings.Builder
	command := exec.CommandContext(ctx, binary(t), args...)
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); command.ProcessState == nil {
		t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

// A control plane that cannot start says why in one line and fails.
func TestRefusesToStart(t *testing.T) {
	t.Parallel()
	busy, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { busy.Close() }) // the subtests run after this function
	port := strconv.Itoa(busy.Addr().(*net.TCPAddr).Port)
	taken := instance.Setup{Binary: binary(t), Data: dataDir(t)}
	start(t, taken)
	file := filepath.Join(t.TempDir(), "file")
	other := t.TempDir()
	for path, content := range map[string]string{file: "", filepath.Join(other, "version"): "99\n"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ name, data, port, text string }{
		{"another version", other, "0", `its layout has version "99", this taffrail reads version 1`},
		{"second instance", taken.Data, "0", "taffrail is already running on it as process"},
		{"port in use", dataDir(t), port, "--https-port " + port + ": listen tcp :" + port + ": bind: address already in use"},
		{"no port", dataDir(t), "70000", "--https-port 70000: a port is between 0 and 65535"},
		{"data dir in a file", filepath.Join(file, "data"), "0", "not a directory"},
		{"data dir that no one writes to", "/proc/taffrail", "0", "data dir /proc/taffrail: mkdir /proc/taffrail"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			code, _, complaints := taffrail(t, "up", "--no-node", "--data-dir", c.data, "--https-port", c.port)
			if code != 1 || !strings.Contains(complaints, c.text) {
				t.Fatalf("exit code %d, %s", code, complaints)
			}
			lines := strings.Split(strings.TrimRight(complaints, "\n"), "\n")
			if last := lines[len(lines)-1]; !strings.HasPrefix(last, "taffrail: ") || !strings.Contains(last, c.text) {
				t.Errorf("the last line is %q", last)
			}
			for _, line := range lines[:len(lines)-1] {
				if !strings.HasPrefix(line, "  ") { // progress is indented
					t.Errorf("beside the error: %q", line)
				}
			}
		})
	}
}
