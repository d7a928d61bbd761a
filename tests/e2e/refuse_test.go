package e2e

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"taffrail.dev/tests/instance"
)

// TestNoRunc starts a node where runc is hidden, on mounts and a network of its own: it says what is missing and how
// to get it, and ends.
func TestNoRunc(t *testing.T) {
	t.Parallel()
	port, err := instance.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	const hidden = `ip link set lo up && ip address add 192.0.2.10 dev lo && mount --bind /dev/null "$(readlink -f "$(command -v runc)")" && exec "$@"`
	up := exec.CommandContext(t.Context(), "unshare", "--mount", "--net", "sh", "-c", hidden, "sh",
		instance.Binary(), "up", "--data-dir", filepath.Join(t.TempDir(), "data"), "--https-port", strconv.Itoa(port), "--node-ip", "192.0.2.10")
	var complaints bytes.Buffer
	up.Stderr = &complaints
	err = up.Run()
	lines := strings.Split(strings.TrimSpace(complaints.String()), "\n")
	if last := lines[len(lines)-1]; err == nil || last != "taffrail: node agent: runc is not installed or not on the PATH (Debian: apt-get install runc)" {
		t.Errorf("%v, and the last line is %q", err, last)
	}
}
