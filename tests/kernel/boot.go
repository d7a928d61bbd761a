package kernel

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// modulesDir is where Debian's package keeps the kernel's modules.
const modulesDir = "/usr/lib/uml/modules"

// arguments are the kernel's command line. Disks are written through: what the guest has
// synced is in the image, and nothing else has to be.
func arguments(dir, script string, options Options) []string {
	args := []string{
		fmt.Sprintf("mem=%dM", or(options.Memory, 512)), "umid=" + filepath.Base(filepath.Dir(dir)) + "-" + filepath.Base(dir), "uml_dir=" + dir,
		"root=/dev/root", "rootfstype=hostfs", "rootflags=/", "rw", "init=" + script,
		"con=null", "con0=null,fd:1", "quiet", "panic=1",
	}
	for i, disk := range options.Disks {
		args = append(args, fmt.Sprintf("ubd%ds=%s", i, disk))
	}
	return args
}

// script is the kernel's first process. It must leave no file of the machine changed but
// those of the test: everything it mounts is the kernel's own.
func (k *Kernel) script(t testing.TB, program string, args []string, options Options) []byte {
	var b strings.Builder
	line := func(format string, a ...any) { fmt.Fprintf(&b, format+"\n", a...) }
	line("#!/bin/sh")
	line("export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TMPDIR=/run")
	line("mount -t proc proc /proc && mount -t sysfs sys /sys && mount -t tmpfs run /run")
	line("mountpoint -q /dev || mount -t devtmpfs dev /dev")
	line("ip link set lo up")
	if len(options.Modules) > 0 {
		line("modprobe -d %s -a %s", quote(modules(t)), strings.Join(options.Modules, " "))
	}
	if options.Cgroups {
		line("mount -t cgroup2 cgroup2 /sys/fs/cgroup")
	}
	for _, mount := range options.Mounts {
		line("mkdir -p %s && mount -t ext4 %s %s", quote(mount[1]), mount[0], quote(mount[1]))
	}
	line("%s %s </dev/null 2>&1", quote(program), quoteAll(args))
	line("echo $? >%s", quote(k.status))
	for _, mount := range options.Mounts {
		line("umount %s", quote(mount[1]))
	}
	line("sync; halt -f -p")
	return []byte(b.String())
}

// modules copies the kernel's modules and indexes them: the package's index is of another place.
func modules(t testing.TB) string {
	t.Helper()
	versions, err := os.ReadDir(modulesDir)
	if err != nil || len(versions) == 0 {
		t.Fatalf("the user-mode kernel's modules: %v, %d versions", err, len(versions))
	}
	version := versions[len(versions)-1].Name()
	root := t.TempDir()
	to := filepath.Join(root, "lib", "modules", version)
	if err := os.CopyFS(to, os.DirFS(filepath.Join(modulesDir, version))); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("depmod", "-b", root, version).CombinedOutput(); err != nil {
		t.Fatalf("depmod: %v: %s", err, out)
	}
	return root
}

// memoryDir is where the kernel's memory, a file that may be executed, is kept.
func memoryDir(otherwise string) string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return otherwise
}

// Disk makes an image of an empty ext4 file system, of so many MiB.
func Disk(t testing.TB, size int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := file.Truncate(int64(size) << 20); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mkfs.ext4", "-q", "-F", path).CombinedOutput(); err != nil {
		t.Fatalf("mkfs.ext4: %v: %s", err, out)
	}
	return path
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func quoteAll(all []string) string {
	quoted := make([]string, len(all))
	for i, s := range all {
		quoted[i] = quote(s)
	}
	return strings.Join(quoted, " ")
}
