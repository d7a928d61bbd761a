package runtime

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strings"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/nodeagent/network/netns"
)

// namespacesOf are the pinned namespaces below one folder: net/<uid> and ipc/<uid>.
type namespacesOf struct{ dir string }

func (n namespacesOf) net() netns.Namespaces {
	return netns.Namespaces{Dir: filepath.Join(n.dir, "net")}
}
func (n namespacesOf) ipc(uid string) string { return filepath.Join(n.dir, "ipc", uid) }

// ensure makes the namespaces that a pod does not share with the host.
func (n namespacesOf) ensure(pod *corev1.Pod) (Sandbox, error) {
	var s Sandbox
	uid := string(pod.UID)
	var err error
	if !pod.Spec.HostNetwork {
		if s.NetNS, err = n.net().Create(uid); err != nil {
			return s, err
		}
	}
	if !pod.Spec.HostIPC {
		s.IPC = n.ipc(uid)
		if err := pinIPC(s.IPC); err != nil {
			return s, fmt.Errorf("IPC namespace of pod %s: %w", uid, err)
		}
	}
	return s, applySysctls(s, pod)
}

func (n namespacesOf) remove(uid string) error {
	file := n.ipc(uid)
	err := unix.Unmount(file, unix.MNT_DETACH)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
		err = nil
	}
	if rm := os.Remove(file); rm != nil && !errors.Is(rm, fs.ErrNotExist) {
		err = errors.Join(err, rm)
	}
	return errors.Join(err, n.net().Remove(uid))
}

func pinIPC(file string) error {
	if netns.Is(file) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDONLY, 0o444)
	if err != nil {
		return err
	}
	f.Close()
	return onLostThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWIPC); err != nil {
			return err
		}
		return unix.Mount(fmt.Sprintf("/proc/self/task/%d/ns/ipc", unix.Gettid()), file, "", unix.MS_BIND, "")
	})
}

// onLostThread runs do on a thread that ends with it, so that it may change what cannot be changed back.
func onLostThread(do func() error) error {
	result := make(chan error, 1)
	go func() {
		goruntime.LockOSThread() // never unlocked
		result <- do()
	}()
	return <-result
}

// applySysctls sets the pod's namespaced kernel parameters, from inside its namespaces.
func applySysctls(s Sandbox, pod *corev1.Pod) error {
	if pod.Spec.SecurityContext == nil || len(pod.Spec.SecurityContext.Sysctls) == 0 {
		return nil
	}
	return onLostThread(func() error {
		for path, kind := range map[string]int{s.NetNS: unix.CLONE_NEWNET, s.IPC: unix.CLONE_NEWIPC} {
			if path == "" {
				continue
			}
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			err = unix.Setns(int(f.Fd()), kind)
			f.Close()
			if err != nil {
				return err
			}
		}
		for _, ctl := range pod.Spec.SecurityContext.Sysctls {
			name := strings.ReplaceAll(ctl.Name, ".", "/")
			if !filepath.IsLocal(name) {
				return fmt.Errorf("invalid sysctl %q", ctl.Name)
			}
			if err := os.WriteFile(filepath.Join("/proc/sys", name), []byte(ctl.Value), 0o644); err != nil {
				return fmt.Errorf("sysctl %s: %w", ctl.Name, err)
			}
		}
		return nil
	})
}
