// Package cgroup reads and writes control groups by their files, version 1 and 2: the
// pods' groups and the containers' figures. Containers' own groups are the OCI runtime's.
package cgroup

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Tree is a mounted hierarchy; usually New("/sys/fs/cgroup").
type Tree struct {
	root    string
	unified bool
}

// New looks at what is mounted at root.
func New(root string) Tree {
	var st unix.Statfs_t
	return Tree{root: root, unified: unix.Statfs(root, &st) == nil && st.Type == unix.CGROUP2_SUPER_MAGIC}
}

// Limits bound a pod as a whole; 0 is no limit.
type Limits struct {
	// CPUShares and CPUQuota (microseconds in 100 ms) as on version 1.
	CPUShares uint64
	CPUQuota  int64
	// Memory in bytes, Processes in number.
	Memory, Processes int64
}

const period = 100_000

// Ensure makes the group at path ("/kubepods/burstable/pod…") with those limits. A controller that
// the host lacks is left out.
func (t Tree) Ensure(path string, l Limits) error {
	if t.unified {
		return t.ensureUnified(path, l)
	}
	set := func(controller string, values map[string]int64) error {
		base := filepath.Join(t.root, controller)
		if _, err := os.Stat(base); err != nil {
			return nil
		}
		dir := filepath.Join(base, path)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		for file, v := range values {
			if v == 0 {
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, file), strconv.AppendInt(nil, v, 10), 0o644); err != nil {
				return err
			}
		}
		return nil
	}
	return errors.Join(
		set("cpu", map[string]int64{"cpu.shares": int64(l.CPUShares), "cpu.cfs_quota_us": l.CPUQuota}),
		set("memory", map[string]int64{"memory.limit_in_bytes": l.Memory}),
		set("pids", map[string]int64{"pids.max": l.Processes}),
	)
}

func (t Tree) ensureUnified(path string, l Limits) error {
	dir := t.root
	for _, part := range append([]string{""}, strings.Split(strings.Trim(path, "/"), "/")...) {
		dir = filepath.Join(dir, part)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if dir != filepath.Join(t.root, path) {
			delegate(dir)
		}
	}
	delegate(dir)
	var errs []error
	write := func(file, value string) {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(value), 0o644); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	if l.CPUShares > 0 {
		write("cpu.weight", strconv.FormatUint(1+((l.CPUShares-2)*9999)/262142, 10))
	}
	if l.CPUQuota > 0 {
		write("cpu.max", strconv.FormatInt(l.CPUQuota, 10)+" "+strconv.Itoa(period))
	}
	if l.Memory > 0 {
		write("memory.max", strconv.FormatInt(l.Memory, 10))
	}
	if l.Processes > 0 {
		write("pids.max", strconv.FormatInt(l.Processes, 10))
	}
	return errors.Join(errs...)
}

// delegate offers every controller of a group to its children; those that cannot be are left out.
func delegate(dir string) {
	b, _ := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	for _, c := range strings.Fields(string(b)) {
		_ = os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+c), 0o644)
	}
}

// Remove deletes the group and its empty descendants; one that is not there is no error.
func (t Tree) Remove(path string) error {
	if path == "" || path == "/" {
		return nil
	}
	var errs []error
	for _, base := range t.hierarchies() {
		if err := removeTree(filepath.Join(base, path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (t Tree) hierarchies() []string {
	if t.unified {
		return []string{t.root}
	}
	entries, _ := os.ReadDir(t.root)
	var out []string
	for _, e := range entries {
		if e.IsDir() {
			out = append(out, filepath.Join(t.root, e.Name()))
		}
	}
	return out
}

func removeTree(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeTree(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return unix.Rmdir(dir)
}

// OOMKills counts the processes of the group that the kernel ended for want of memory.
func (t Tree) OOMKills(path string) uint64 {
	if t.unified {
		return keyed(filepath.Join(t.root, path, "memory.events"))["oom_kill"]
	}
	return keyed(filepath.Join(t.root, "memory", path, "memory.oom_control"))["oom_kill"]
}

// Usage are a group's figures.
type Usage struct {
	CPUNanos                                            uint64
	Memory, WorkingSet, RSS, Faults, MajorFaults, Procs uint64
}

// Usage reads the group's figures; those of controllers that the host lacks are 0.
func (t Tree) Usage(path string) Usage {
	var u Usage
	var inactive uint64
	if t.unified {
		dir := filepath.Join(t.root, path)
		stat := keyed(filepath.Join(dir, "memory.stat"))
		u.CPUNanos = keyed(filepath.Join(dir, "cpu.stat"))["usage_usec"] * 1000
		u.Memory, inactive = number(filepath.Join(dir, "memory.current")), stat["inactive_file"]
		u.RSS, u.Faults, u.MajorFaults = stat["anon"], stat["pgfault"], stat["pgmajfault"]
		u.Procs = number(filepath.Join(dir, "pids.current"))
	} else {
		memory := filepath.Join(t.root, "memory", path)
		stat := keyed(filepath.Join(memory, "memory.stat"))
		u.CPUNanos = number(filepath.Join(t.root, "cpuacct", path, "cpuacct.usage"))
		u.Memory, inactive = number(filepath.Join(memory, "memory.usage_in_bytes")), stat["total_inactive_file"]
		u.RSS, u.Faults, u.MajorFaults = stat["total_rss"], stat["total_pgfault"], stat["total_pgmajfault"]
		u.Procs = number(filepath.Join(t.root, "pids", path, "pids.current"))
	}
	u.WorkingSet = u.Memory - min(u.Memory, inactive)
	return u
}

func number(file string) uint64 {
	b, _ := os.ReadFile(file)
	n, _ := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	return n
}

func keyed(file string) map[string]uint64 {
	out := map[string]uint64{}
	f, err := os.Open(file)
	if err != nil {
		return out
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 64); err == nil {
			out[name] = n
		}
	}
	return out
}
