package kernel_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"taffrail.dev/tests/kernel"
)

// TestIPVS runs the dataplane suite on IPVS, traffic included.
func TestIPVS(t *testing.T) {
	t.Parallel()
	binary := compile(t, "taffrail.dev/nodeagent/proxy/ipvs")
	k := kernel.Start(t, binary, []string{"-test.v", "-test.run", "TestDataplane", "-test.parallel", "4"}, kernel.Options{Modules: kernel.IPVS})
	status, err := k.Wait()
	log := k.Log()
	if err != nil || status != 0 {
		t.Fatalf("status %d, %v\n%s", status, err, log)
	}
	t.Log(log)
	// A suite that ran nothing is no proof.
	if passed := strings.Count(log, "--- PASS: TestDataplane/"); passed < 10 {
		t.Fatalf("%d tests passed in the kernel\n%s", passed, log)
	}
}

// compile builds a package's tests, static, to run in the kernel.
func compile(t *testing.T, pkg string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), filepath.Base(pkg)+".test")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", binary, pkg)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go test -c %s: %v\n%s", pkg, err, out)
	}
	return binary
}
