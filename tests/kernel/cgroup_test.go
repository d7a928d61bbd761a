package kernel_test

import (
	"strings"
	"testing"

	"taffrail.dev/tests/kernel"
)

// TestCgroups runs the tests of control groups on version 2, which the machine's kernel may not have.
func TestCgroups(t *testing.T) {
	t.Parallel()
	binary := compile(t, "taffrail.dev/nodeagent/runtime/cgroup")
	k := kernel.Start(t, binary, []string{"-test.v"}, kernel.Options{Cgroups: true})
	status, err := k.Wait()
	log := k.Log()
	if err != nil || status != 0 {
		t.Fatalf("status %d, %v\n%s", status, err, log)
	}
	t.Log(log)
	if passed := strings.Count(log, "/version_2 ("); passed < 4 {
		t.Fatalf("%d tests passed on version 2\n%s", passed, log)
	}
}
