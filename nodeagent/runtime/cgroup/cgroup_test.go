package cgroup_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"taffrail.dev/nodeagent/runtime/cgroup"
)

// root is what is mounted where the test runs: version 1 or 2.
const root = "/sys/fs/cgroup"

// work marks the process that uses memory and processor time in a group, and says how many MiB.
const work = "TAFFRAIL_CGROUP_WORK"

func TestMain(m *testing.M) {
	if size := os.Getenv(work); size != "" {
		worker(size)
		return
	}
	os.Exit(m.Run())
}

// worker begins when it is told to, which is once it is in its group, and ends with its input.
func worker(size string) {
	in := bufio.NewReader(os.Stdin)
	fmt.Println("here")
	_, _ = in.ReadString('\n')
	var mebibytes int
	_, _ = fmt.Sscan(size, &mebibytes)
	memory := make([]byte, mebibytes<<20)
	for range 10 {
		for i := 0; i < len(memory); i += 4096 {
			memory[i]++
		}
	}
	fmt.Println("done")
	_, _ = in.ReadString('\n')
}

func unified() bool {
	_, err := os.Stat(filepath.Join(root, "cgroup.controllers"))
	return err == nil
}

// versioned runs a test under the name of the version that is there.
func versioned(t *testing.T, test func(t *testing.T, tree cgroup.Tree, path string)) {
	t.Parallel()
	name := "version 1"
	if unified() {
		name = "version 2"
	}
	t.Run(name, func(t *testing.T) {
		tree := cgroup.New(root)
		top := fmt.Sprintf("/taffrail-%s-%d", strings.ToLower(strings.SplitN(t.Name(), "/", 2)[0]), os.Getpid())
		t.Cleanup(func() {
			if err := tree.Remove(top); err != nil {
				t.Error(err)
			}
		})
		test(t, tree, top+"/burstable/pod1")
	})
}

// folder is where a controller's files of a group are.
func folder(controller, path string) string {
	if unified() {
		return filepath.Join(root, path)
	}
	return filepath.Join(root, controller, path)
}

func value(t *testing.T, controller, path, file string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(folder(controller, path), file))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// start runs a worker in a container's group below a pod's, as the OCI runtime makes it. tell lets it go on.
func start(t *testing.T, path string, mebibytes int) (command *exec.Cmd, tell func(), said *bufio.Reader) {
	t.Helper()
	command = exec.Command(os.Args[0])
	command.Env = append(os.Environ(), fmt.Sprintf("%s=%d", work, mebibytes))
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Process.Kill(); _ = command.Wait() })
	said = bufio.NewReader(out)
	if line, err := said.ReadString('\n'); line != "here\n" {
		t.Fatalf("the worker says %q, %v", line, err)
	}
	for _, controller := range []string{"cpu", "cpuacct", "memory", "pids"} {
		dir := folder(controller, path)
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "cgroup.procs"), fmt.Append(nil, command.Process.Pid), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return command, func() { _, _ = in.Write([]byte("\n")) }, said
}

func TestLimits(t *testing.T) {
	versioned(t, func(t *testing.T, tree cgroup.Tree, path string) {
		check := func(files [][3]string) {
			t.Helper()
			for _, f := range files {
				if got := value(t, f[0], path, f[1]); got != f[2] {
					t.Errorf("%s is %q, want %q", f[1], got, f[2])
				}
			}
		}
		if err := tree.Ensure(path, cgroup.Limits{CPUShares: 512, CPUQuota: 50_000, Memory: 64 << 20, Processes: 100}); err != nil {
			t.Fatal(err)
		}
		if unified() {
			check([][3]string{{"", "cpu.weight", "20"}, {"", "cpu.max", "50000 100000"}, {"", "memory.max", "67108864"}, {"", "pids.max", "100"}})
		} else {
			check([][3]string{{"cpu", "cpu.shares", "512"}, {"cpu", "cpu.cfs_quota_us", "50000"}, {"memory", "memory.limit_in_bytes", "67108864"}, {"pids", "pids.max", "100"}})
		}
		if err := tree.Ensure(path, cgroup.Limits{CPUShares: 2, Memory: 128 << 20}); err != nil {
			t.Fatal(err)
		}
		if unified() {
			check([][3]string{{"", "cpu.weight", "1"}, {"", "memory.max", "134217728"}})
		} else {
			check([][3]string{{"cpu", "cpu.shares", "2"}, {"memory", "memory.limit_in_bytes", "134217728"}})
		}
		// A container's own group has every controller.
		for controller, file := range map[string]string{"cpu": "cpu.stat", "memory": "memory.stat", "pids": "pids.max"} {
			dir := folder(controller, path+"/container")
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestUsage(t *testing.T) {
	versioned(t, func(t *testing.T, tree cgroup.Tree, path string) {
		if err := tree.Ensure(path, cgroup.Limits{CPUShares: 1024}); err != nil {
			t.Fatal(err)
		}
		if u := tree.Usage(path + "/none"); u != (cgroup.Usage{}) {
			t.Errorf("of no group: %+v", u)
		}
		_, tell, said := start(t, path+"/container", 32)
		tell()
		if line, err := said.ReadString('\n'); line != "done\n" {
			t.Fatalf("the worker says %q, %v", line, err)
		}
		for _, group := range []string{path, path + "/container"} {
			u := tree.Usage(group)
			if u.CPUNanos == 0 || u.Memory < 32<<20 || u.WorkingSet < 32<<20 || u.WorkingSet > u.Memory || u.RSS < 32<<20 || u.Faults == 0 || u.Procs == 0 {
				t.Errorf("%s uses %+v", group, u)
			}
		}
	})
}

func TestOOMKills(t *testing.T) {
	versioned(t, func(t *testing.T, tree cgroup.Tree, path string) {
		if err := tree.Ensure(path, cgroup.Limits{Memory: 32 << 20}); err != nil {
			t.Fatal(err)
		}
		command, tell, _ := start(t, path+"/container", 128)
		if n := tree.OOMKills(path + "/container"); n != 0 {
			t.Errorf("%d kills at first", n)
		}
		tell()
		err := command.Wait()
		if state, ok := command.ProcessState.Sys().(syscall.WaitStatus); !ok || state.Signal() != syscall.SIGKILL {
			t.Errorf("with 128 MiB of 32 the worker ends with %v", err)
		}
		if n := tree.OOMKills(path + "/container"); n != 1 {
			t.Errorf("%d kills, want 1", n)
		}
	})
}

func TestRemove(t *testing.T) {
	versioned(t, func(t *testing.T, tree cgroup.Tree, path string) {
		if err := tree.Ensure(path, cgroup.Limits{CPUShares: 1024, Processes: 50}); err != nil {
			t.Fatal(err)
		}
		command, _, _ := start(t, path+"/container", 1)
		if err := tree.Remove(path); !errors.Is(err, syscall.EBUSY) {
			t.Errorf("removed under a process: %v", err)
		}
		_ = command.Process.Kill()
		_ = command.Wait()
		for range 2 {
			if err := tree.Remove(path); err != nil {
				t.Errorf("removed when nothing runs, and again: %v", err)
			}
		}
		if _, err := os.Stat(folder("memory", path)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the group stays: %v", err)
		}
		for _, whole := range []string{"", "/"} {
			if err := tree.Remove(whole); err != nil {
				t.Error(err)
			}
		}
	})
}
