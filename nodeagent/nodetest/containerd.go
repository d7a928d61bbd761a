// Package nodetest gives tests a real containerd of their own, with images made on the spot, and
// leaves no process and no mount behind.
package nodetest

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/containerd/containerd/v2/client"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"go.uber.org/zap"

	"taffrail.dev/nodeagent/logs"
	"taffrail.dev/nodeagent/runtime"
	"taffrail.dev/nodeagent/runtime/cgroup"
	"taffrail.dev/nodeagent/runtime/daemon"
)

// Host is a containerd under a temporary folder.
type Host struct {
	Dir, Bin string
	Daemon   *daemon.Daemon
	Client   *client.Client
	Logs     *logs.Client
}

// bin is the folder of the built programs: $TAFFRAIL_BIN, or bin/ at the top of the work tree.
func bin() (string, error) {
	if dir := os.Getenv("TAFFRAIL_BIN"); dir != "" {
		return dir, nil
	}
	dir, err := os.Getwd()
	for ; err == nil && dir != "/"; dir = filepath.Dir(dir) {
		if _, e := os.Stat(filepath.Join(dir, "go.work")); e == nil {
			return filepath.Join(dir, "bin"), nil
		}
	}
	return "", fmt.Errorf("no go.work above, and TAFFRAIL_BIN is not set")
}

// Start starts a containerd and builds the log process; where there is no Go, the built one serves.
func Start(ctx context.Context) (*Host, error) {
	programs, err := bin()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "tfr")
	if err != nil {
		return nil, err
	}
	h := &Host{Dir: dir, Bin: programs}
	program := filepath.Join(dir, "taffrail-logger")
	if _, err := exec.LookPath("go"); err != nil {
		program = filepath.Join(programs, "taffrail-logger")
	} else if out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "taffrail.dev/nodeagent/runtime/logger").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the log process: %w: %s", err, out)
	}
	h.Logs = &logs.Client{Program: program, Socket: filepath.Join(dir, "logs.sock")}
	h.Daemon = daemon.New(h.config())
	if err := h.Daemon.Ensure(ctx); err != nil {
		return nil, err
	}
	h.Client, err = client.New(filepath.Join(dir, "c.sock"), client.WithTimeout(10*time.Second))
	return h, err
}

func (h *Host) config() daemon.Config {
	return daemon.Config{Root: filepath.Join(h.Dir, "root"), State: filepath.Join(h.Dir, "state"), Socket: filepath.Join(h.Dir, "c.sock"), Bin: h.Bin, Log: zap.NewNop()}
}

// Tasks is containerd's folder of tasks' bundles.
func (h *Host) Tasks() string { return h.config().Tasks() }

// Runtime is the containerd runtime on the host.
func (h *Host) Runtime(config func(*runtime.Config)) *runtime.Containerd {
	c := runtime.Config{Client: h.Client, Logs: h.Logs, Root: filepath.Join(h.Dir, "agent"), State: filepath.Join(h.Dir, "run"), Tasks: h.Tasks(),
		Cgroups: cgroup.New("/sys/fs/cgroup"), Log: zap.NewNop()}
	config(&c)
	return runtime.NewContainerd(c)
}

// CgroupRoot is the group that all groups of the host's pods have to be in.
func (h *Host) CgroupRoot() string { return "/" + filepath.Base(h.Dir) }

// Close ends everything that runs below the host's folder and removes the folder.
func (h *Host) Close(ctx context.Context) error {
	if h.Client != nil {
		h.Client.Close()
	}
	_ = h.Daemon.Stop(ctx)
	// Shims name the socket in their arguments; containers are their children and have to go first.
	for _, pid := range processesNaming(h.Dir) {
		for _, child := range childrenOf(pid) {
			_ = syscall.Kill(child, syscall.SIGKILL)
		}
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	for range 3 {
		for _, m := range mountsBelow(h.Dir) {
			_ = syscall.Unmount(m, syscall.MNT_DETACH)
		}
	}
	var err error
	groups := cgroup.New("/sys/fs/cgroup")
	for wait := time.Millisecond; wait < 2*time.Second; wait *= 2 { // groups go when their processes have
		if err = groups.Remove(h.CgroupRoot()); err == nil {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
	if err != nil {
		return err
	}
	for range 100 {
		if err = os.RemoveAll(h.Dir); err == nil {
			return nil
		}
		for _, m := range mountsBelow(h.Dir) {
			_ = syscall.Unmount(m, syscall.MNT_DETACH)
		}
	}
	return err
}

func processesNaming(dir string) []int {
	entries, _ := os.ReadDir("/proc")
	var out []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		b, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if strings.Contains(string(b), dir+"/") {
			out = append(out, pid)
		}
	}
	return out
}

func childrenOf(pid int) []int {
	var out []int
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, f := range files {
		b, _ := os.ReadFile(f)
		for _, s := range strings.Fields(string(b)) {
			if n, err := strconv.Atoi(s); err == nil {
				out = append(out, n)
				out = append(out, childrenOf(n)...)
			}
		}
	}
	return out
}

func mountsBelow(dir string) []string {
	b, _ := os.ReadFile("/proc/self/mountinfo")
	var out []string
	for _, line := range strings.Split(string(b), "\n") {
		if f := strings.Fields(line); len(f) > 4 && strings.HasPrefix(f[4], dir+"/") {
			out = append([]string{f[4]}, out...)
		}
	}
	return out
}

// Busybox is an image of Debian's static busybox with some accounts in it.
func Busybox(entrypoint ...string) (v1.Image, error) {
	program, err := os.ReadFile("/bin/busybox")
	if err != nil {
		return nil, fmt.Errorf("busybox-static is not installed: %w", err)
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, d := range []string{"bin", "etc", "tmp", "proc", "sys", "dev", "home"} {
		if err := w.WriteHeader(&tar.Header{Name: d + "/", Typeflag: tar.TypeDir, Mode: 0o777}); err != nil {
			return nil, err
		}
	}
	for name, text := range map[string][]byte{
		"bin/busybox": program,
		"etc/passwd":  []byte("root:x:0:0:root:/root:/bin/sh\nsailor:x:1000:1001:sailor:/home:/bin/sh\n"),
		"etc/group":   []byte("root:x:0:\ncrew:x:1001:\ndeck:x:1002:sailor\n"),
	} {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(text))}); err != nil {
			return nil, err
		}
		if _, err := w.Write(text); err != nil {
			return nil, err
		}
	}
	for _, applet := range []string{"sh", "sleep", "cat", "echo", "ls", "id", "true", "false", "touch", "env", "hostname",
		"pidof", "readlink", "df", "umount", "mkdir", "wc", "rm", "wget", "httpd", "nc", "head", "tail", "ps", "kill", "mount", "grep", "stat", "dd", "date", "yes", "seq", "trap", "ip", "nslookup"} {
		if err := w.WriteHeader(&tar.Header{Name: "bin/" + applet, Typeflag: tar.TypeSymlink, Linkname: "busybox", Mode: 0o777}); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
	if err != nil {
		return nil, err
	}
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	file, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", goruntime.GOARCH
	file.Config = v1.Config{Entrypoint: entrypoint, Env: []string{"PATH=/bin"}, WorkingDir: "/tmp"}
	return mutate.ConfigFile(img, file)
}
