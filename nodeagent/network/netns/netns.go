// Package netns makes, enters and removes named network namespaces: files that hold a
// namespace alive, whoever made it.
package netns

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Namespaces are the network namespaces under one directory, a file each. They survive the
// process that made them, and end with Remove or the machine.
type Namespaces struct {
	Dir string
}

// Path is where the namespace called name is, or would be.
func (n Namespaces) Path(name string) string { return filepath.Join(n.Dir, name) }

// Create makes the namespace called name, its loopback interface up, and returns its path.
// One that exists is left as it is.
func (n Namespaces) Create(name string) (string, error) {
	path := n.Path(name)
	if Is(path) {
		return path, nil
	}
	if err := os.MkdirAll(n.Dir, 0o755); err != nil {
		return "", err
	}
	// A file with nothing mounted on it is what a reboot leaves.
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDONLY, 0o444)
	if err != nil {
		return "", err
	}
	file.Close()
	if err := onThread(func() error { return mount(path) }); err != nil {
		return "", errors.Join(fmt.Errorf("network namespace %s: %w", name, err), n.Remove(name))
	}
	return path, nil
}

// Remove ends the namespace called name; one that does not exist is no error. Processes
// in it keep it alive, nameless, until they end.
func (n Namespaces) Remove(name string) error {
	path := n.Path(name)
	err := unix.Unmount(path, unix.MNT_DETACH)
	if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("network namespace %s: %w", name, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("network namespace %s: %w", name, err)
	}
	return nil
}

// List returns the names of all namespaces, those a reboot emptied included.
func (n Namespaces) List() ([]string, error) {
	entries, err := os.ReadDir(n.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names, err
}

// Is says whether path holds a network namespace.
func Is(path string) bool {
	var stat unix.Statfs_t
	return unix.Statfs(path, &stat) == nil && stat.Type == unix.NSFS_MAGIC
}

// Do calls do on a thread that is in the namespace at path; sockets it opens and processes it
// starts belong there, goroutines it starts do not. An empty path is the process's own namespace.
func Do(path string, do func() error) error {
	if path == "" {
		return do()
	}
	return onThread(func() error {
		handle, err := netns.GetFromPath(path)
		if err != nil {
			return fmt.Errorf("network namespace %s: %w", path, err)
		}
		defer handle.Close()
		if err := netns.Set(handle); err != nil {
			return fmt.Errorf("network namespace %s: %w", path, err)
		}
		return do()
	})
}

// onThread runs do on an operating system thread of its own, which ends with it when its
// namespace could not be put back.
func onThread(do func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		home, err := netns.Get()
		if err != nil {
			runtime.UnlockOSThread()
			result <- err
			return
		}
		defer home.Close()
		err = do()
		if netns.Set(home) == nil {
			runtime.UnlockOSThread()
		}
		result <- err
	}()
	return <-result
}

// mount makes a namespace, enters it and mounts it on path.
func mount(path string) error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return err
	}
	if err := loopbackUp(); err != nil {
		return err
	}
	self := fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid())
	return unix.Mount(self, path, "", unix.MS_BIND, "")
}

// loopbackUp sets lo up in the thread's namespace.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
}
