// Package datadir is the folder that one Taffrail instance keeps its state in: who
// has it, which version of the layout it is, and where things are in it.
package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Version of the layout that this binary reads and writes.
const Version = "1"

// Dir is a data directory's path.
type Dir string

// Path joins names to the directory.
func (d Dir) Path(names ...string) string {
	return filepath.Join(append([]string{string(d)}, names...)...)
}

// Kubeconfig is the administrator's kubeconfig.
func (d Dir) Kubeconfig() string { return d.Path("kubeconfig") }

// PIDFile holds the process id of the instance that has the directory.
func (d Dir) PIDFile() string { return d.Path("taffrail.pid") }

// LogFile is where a detached instance logs.
func (d Dir) LogFile() string { return d.Path("taffrail.log") }

// PKI is the folder of keys and certificates.
func (d Dir) PKI() string { return d.Path("pki") }

// Seed is the file with which a process that has a role on the bus joins it.
func (d Dir) Seed(role string) string { return d.Path("creds", role+".seed") }

// Containerd is containerd's socket.
func (d Dir) Containerd() string { return d.Path("containerd.sock") }

// Lease is an instance's hold of a directory.
type Lease struct {
	Dir
	lock *os.File
}

// Acquire makes the directory if it is missing, checks its version and takes it
// for this process until Release. A second instance gets an error that names the first.
func Acquire(dir Dir) (*Lease, error) {
	if err := os.MkdirAll(string(dir), 0o700); err != nil {
		return nil, fmt.Errorf("data dir %s: %w", dir, err)
	}
	lock, err := os.OpenFile(dir.Path("taffrail.lock"), os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data dir %s: %w", dir, err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		if pid := Running(dir); pid != 0 {
			return nil, fmt.Errorf("data dir %s: taffrail is already running on it as process %d; stop it with: taffrail down --data-dir %s", dir, pid, dir)
		}
		return nil, fmt.Errorf("data dir %s: another process holds taffrail.lock: %w", dir, err)
	}
	l := &Lease{Dir: dir, lock: lock}
	if err := errors.Join(l.checkVersion(), l.writePID()); err != nil {
		l.Release()
		return nil, err
	}
	return l, nil
}

func (l *Lease) checkVersion() error {
	path := l.Path("version")
	found, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Replace(path, []byte(Version+"\n"), 0o600)
	}
	if err != nil {
		return fmt.Errorf("data dir %s: %w", l.Dir, err)
	}
	if v := strings.TrimSpace(string(found)); v != Version {
		return fmt.Errorf("data dir %s: its layout has version %q, this taffrail reads version %s; use the taffrail that wrote it, or another --data-dir", l.Dir, v, Version)
	}
	return nil
}

func (l *Lease) writePID() error {
	return os.WriteFile(l.PIDFile(), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644)
}

// Release gives the directory back.
func (l *Lease) Release() {
	os.Remove(l.PIDFile())
	l.lock.Close()
}

// Running is the process id of the live instance on a directory, 0 if there is none.
func Running(dir Dir) int {
	text, err := os.ReadFile(dir.PIDFile())
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || syscall.Kill(pid, 0) != nil || !Held(dir) {
		return 0
	}
	return pid
}

// Held says whether some process holds the directory.
func Held(dir Dir) bool {
	lock, err := os.Open(dir.Path("taffrail.lock"))
	if err != nil {
		return false
	}
	defer lock.Close()
	return errors.Is(syscall.Flock(int(lock.Fd()), syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}
