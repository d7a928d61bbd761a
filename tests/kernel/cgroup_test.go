package kernel_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"taffrail.dev/tests/instance"
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

// TestRuntime runs containers on version 2 of control groups.
func TestRuntime(t *testing.T) {
	t.Parallel()
	binary := compile(t, "taffrail.dev/nodeagent/runtime")
	k := kernel.Start(t, "/usr/bin/env", []string{"TAFFRAIL_BIN=" + programs(t), binary, "-test.v", "-test.run", "TestContainerd|TestOutputIsLogged|TestResources"},
		kernel.Options{Cgroups: true, Memory: 1024, Modules: []string{"overlay"}, Timeout: 4 * time.Minute})
	status, err := k.Wait()
	log := k.Log()
	if err != nil || status != 0 {
		t.Fatalf("status %d, %v\n%s", status, err, log)
	}
	t.Log(log)
	if passed := strings.Count(log, "--- PASS: Test"); passed < 12 {
		t.Fatalf("%d tests passed in the kernel\n%s", passed, log)
	}
}

// programs is the folder of the built programs.
func programs(t *testing.T) string {
	t.Helper()
	folder, err := filepath.Abs(instance.Programs())
	if err != nil {
		t.Fatal(err)
	}
	return folder
}
