// Package kernel runs programs in a Linux kernel of their own: user-mode Linux, a process,
// whose root is the machine's file system. It has what the machine's kernel may lack (IPVS),
// and it can lose its power.
package kernel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Options say what a kernel is like.
type Options struct {
	// Memory in MiB; 0 means 512.
	Memory int
	// Disks are image files, /dev/ubda and on inside; see Disk.
	Disks []string
	// Modules are loaded before the program starts.
	Modules []string
	// Mounts are device and directory; each is mounted as ext4.
	Mounts [][2]string
	// Cgroups mounts control groups of version 2, whose controllers are then all theirs.
	Cgroups bool
	// Timeout ends the kernel; 0 means two minutes.
	Timeout time.Duration
}

// IPVS are the modules of the IPVS dataplane and of its tests.
var IPVS = []string{
	"ip_vs", "ip_vs_rr", "ip_vs_lc", "ip_vs_wlc", "ip_vs_sh", "nf_conntrack", "nf_conntrack_netlink", "dummy", "veth", "bridge",
	"iptable_mangle", "iptable_nat", "ip_set", "ip_set_hash_ipport", "ip_set_hash_ipportip",
	"xt_set", "xt_mark", "xt_comment", "xt_MASQUERADE", "xt_nat", "nf_tables",
}

// Kernel is one that runs.
type Kernel struct {
	command *exec.Cmd
	cancel  context.CancelFunc
	status  string // the file that carries the program's exit status out
	done    chan struct{}
	err     error // of the process; after done

	mu  sync.Mutex // guards log
	log bytes.Buffer
}

// Start boots a kernel that runs the program and halts when it ends. The kernel ends with the test.
func Start(t testing.TB, program string, args []string, options Options) *Kernel {
	t.Helper()
	binary, err := exec.LookPath("linux.uml")
	if err != nil {
		binary, err = exec.LookPath("linux")
	}
	if err != nil {
		t.Fatalf("user-mode Linux is not installed (Debian: user-mode-linux): %v", err)
	}
	dir := t.TempDir()
	k := &Kernel{status: filepath.Join(dir, "status"), done: make(chan struct{})}
	ctx, cancel := context.WithTimeout(context.Background(), or(options.Timeout, 2*time.Minute))
	k.cancel = cancel
	script := filepath.Join(dir, "init")
	if err := os.WriteFile(script, k.script(t, program, args, options), 0o755); err != nil {
		t.Fatal(err)
	}
	k.command = exec.CommandContext(ctx, binary, arguments(dir, script, options)...)
	k.command.Env = append(os.Environ(), "TMPDIR="+memoryDir(dir))
	k.command.Stdout, k.command.Stderr = k, k
	k.command.WaitDelay = 5 * time.Second
	// A group of its own: a user-mode kernel is several processes, which end together.
	k.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	k.command.Cancel = k.kill
	if err := k.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		k.err = k.command.Wait()
		k.kill()
		close(k.done)
	}()
	t.Cleanup(k.Kill)
	return k
}

// Run runs a program in a kernel of its own and fails the test, with the kernel's output,
// unless the program succeeds.
func Run(t testing.TB, program string, args []string, options Options) {
	t.Helper()
	k := Start(t, program, args, options)
	if status, err := k.Wait(); err != nil || status != 0 {
		t.Fatalf("%s in the kernel: status %d, %v\n%s", filepath.Base(program), status, err, k.Log())
	}
	t.Log(k.Log())
}

// Wait waits for the kernel to end and returns the program's exit status; an error if the
// kernel ended before the program did.
func (k *Kernel) Wait() (int, error) {
	<-k.done
	k.cancel()
	content, err := os.ReadFile(k.status)
	if err != nil {
		return -1, fmt.Errorf("the kernel ended before the program: %w", errors.Join(k.err, err))
	}
	return strconv.Atoi(strings.TrimSpace(string(content)))
}

// Ended says whether the kernel has ended.
func (k *Kernel) Ended() bool {
	select {
	case <-k.done:
		return true
	default:
		return false
	}
}

// Kill cuts the power: the kernel's processes are killed, whatever they were doing.
func (k *Kernel) Kill() {
	k.kill()
	<-k.done
	k.cancel()
}

func (k *Kernel) kill() error {
	err := syscall.Kill(-k.command.Process.Pid, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

// Log is what the kernel and the program have written.
func (k *Kernel) Log() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.log.String()
}

// Write keeps the kernel's output.
func (k *Kernel) Write(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.log.Write(p)
}

func or[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}
