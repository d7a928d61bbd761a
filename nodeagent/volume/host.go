package volume

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
)

// emptyDir makes a folder, or memory, that lives as long as the pod.
func emptyDir(dir string, src *corev1.EmptyDirVolumeSource, group *int64) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	if src.Medium == corev1.StorageMediumMemory {
		var size int64
		if src.SizeLimit != nil {
			size = src.SizeLimit.Value()
		}
		if err := mountMemory(dir, size, 0o777); err != nil {
			return err
		}
	}
	mode := fs.FileMode(0o777)
	if group != nil {
		if err := os.Chown(dir, -1, int(*group)); err != nil {
			return err
		}
		mode |= fs.ModeSetgid
	}
	return os.Chmod(dir, mode)
}

// mountMemory mounts a tmpfs on dir unless one is there; size 0 is the kernel's default.
func mountMemory(dir string, size int64, mode fs.FileMode) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return err
	}
	if st.Type == unix.TMPFS_MAGIC && mounted(dir) {
		return nil
	}
	options := fmt.Sprintf("mode=%o", mode)
	if size > 0 {
		options += fmt.Sprintf(",size=%d", size)
	}
	return unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, options)
}

// mounted says whether something is mounted on the folder itself.
func mounted(dir string) bool {
	var here, above unix.Stat_t
	return unix.Lstat(dir, &here) == nil && unix.Lstat(filepath.Dir(dir), &above) == nil && here.Dev != above.Dev
}

// Memory mounts a tmpfs of that many bytes on dir, once.
func Memory(dir string, size int64) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	return mountMemory(dir, size, 0o1777)
}

func hostPath(src *corev1.HostPathVolumeSource) error {
	kind := corev1.HostPathUnset
	if src.Type != nil {
		kind = *src.Type
	}
	switch kind {
	case corev1.HostPathDirectoryOrCreate:
		return os.MkdirAll(src.Path, 0o755)
	case corev1.HostPathFileOrCreate:
		f, err := os.OpenFile(src.Path, os.O_CREATE|os.O_RDONLY, 0o644)
		if err == nil {
			err = f.Close()
		}
		return err
	}
	st, err := os.Stat(src.Path)
	if kind == corev1.HostPathUnset {
		if errors.Is(err, fs.ErrNotExist) {
			return os.MkdirAll(src.Path, 0o755)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("hostPath type check failed: %s is not a %s", src.Path, article(kind))
	}
	mode := st.Mode()
	ok := map[corev1.HostPathType]bool{
		corev1.HostPathDirectory: mode.IsDir(), corev1.HostPathFile: mode.IsRegular(),
		corev1.HostPathSocket:  mode&fs.ModeSocket != 0,
		corev1.HostPathCharDev: mode&fs.ModeCharDevice != 0, corev1.HostPathBlockDev: mode&fs.ModeDevice != 0 && mode&fs.ModeCharDevice == 0,
	}[kind]
	if !ok {
		return fmt.Errorf("hostPath type check failed: %s is not a %s", src.Path, article(kind))
	}
	return nil
}

func article(k corev1.HostPathType) string {
	return map[corev1.HostPathType]string{
		corev1.HostPathDirectory: "directory", corev1.HostPathFile: "file", corev1.HostPathSocket: "socket file",
		corev1.HostPathCharDev: "character device", corev1.HostPathBlockDev: "block device",
	}[k]
}

// unmountBelow unmounts everything on and below dir, the deepest first.
func unmountBelow(dir string) error {
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	var errs []error
	all := strings.Split(string(b), "\n")
	for i := len(all) - 1; i >= 0; i-- {
		fields := strings.Fields(all[i])
		if len(fields) < 5 {
			continue
		}
		at := unescape.Replace(fields[4])
		if at != dir && !strings.HasPrefix(at, dir+"/") {
			continue
		}
		if err := unix.Unmount(at, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) {
			errs = append(errs, fmt.Errorf("unmount %s: %w", at, err))
		}
	}
	return errors.Join(errs...)
}

// unescape undoes how the kernel writes special characters of paths.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

// SubPath is a path inside a volume, opened without following links out of it; what isn't
// there is made as a folder.
func SubPath(volume, sub string) (string, error) {
	if !filepath.IsLocal(sub) {
		return "", fmt.Errorf("subPath %q must stay inside the volume", sub)
	}
	root, err := os.OpenRoot(volume)
	if err != nil {
		return "", err
	}
	defer root.Close()
	if _, err := root.Stat(sub); errors.Is(err, fs.ErrNotExist) {
		st, err := root.Stat(".")
		if err == nil {
			err = root.MkdirAll(sub, 0o755)
		}
		if err == nil {
			err = root.Chmod(sub, st.Mode()) // whoever may write to the volume may write there
		}
		if err != nil {
			return "", err
		}
	} else if err != nil {
		return "", fmt.Errorf("subPath %q: %w", sub, err)
	}
	// A link inside the volume is resolved here, so that the container's mount cannot be led elsewhere later.
	real, err := filepath.EvalSymlinks(filepath.Join(volume, sub))
	if err != nil {
		return "", err
	}
	base, err := filepath.EvalSymlinks(volume)
	if err != nil {
		return "", err
	}
	if real != base && !strings.HasPrefix(real, base+"/") {
		return "", fmt.Errorf("subPath %q leads out of the volume", sub)
	}
	return real, nil
}

// Unmount unmounts everything on and below a folder.
func Unmount(dir string) error { return unmountBelow(dir) }
