package volume

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// file is one file of a payload.
type file struct {
	data []byte
	mode fs.FileMode
	// uid owns it, if not root.
	uid *int64
}

const (
	dataLink = "..data"
	dataNew  = "..data_tmp"
)

// writePayload makes dir show exactly these files (paths relative, without ".."), all at once: they are written
// to a folder of their own, and the link that every visible name leads through is then swapped. It
// says whether anything changed.
func writePayload(dir string, payload map[string]file, group *int64) (changed bool, err error) {
	current, err := os.Readlink(filepath.Join(dir, dataLink))
	if err == nil && same(filepath.Join(dir, current), payload) {
		return false, nil
	}
	fresh, err := os.MkdirTemp(dir, ".."+time.Now().UTC().Format("2006_01_02_15_04_05."))
	if err != nil {
		return false, err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(fresh)
		}
	}()
	if err := os.Chmod(fresh, 0o755); err != nil {
		return false, err
	}
	for name, f := range payload {
		if err := writeFile(filepath.Join(fresh, name), f, group); err != nil {
			return false, err
		}
	}
	// One that a crash left leads to files that may be neither whole nor of today.
	if err := os.Remove(filepath.Join(dir, dataNew)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	if err := os.Symlink(filepath.Base(fresh), filepath.Join(dir, dataNew)); err != nil {
		return false, err
	}
	if err := os.Rename(filepath.Join(dir, dataNew), filepath.Join(dir, dataLink)); err != nil {
		return false, err
	}
	if err := linkNames(dir, payload); err != nil {
		return true, err
	}
	if current != "" {
		return true, os.RemoveAll(filepath.Join(dir, current))
	}
	return true, nil
}

func writeFile(path string, f file, group *int64) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, f.data, 0o600); err != nil {
		return err
	}
	uid, gid := -1, -1
	if f.uid != nil {
		uid = int(*f.uid)
	}
	if group != nil {
		gid = int(*group)
		f.mode |= 0o440 // such volumes are read-only, for the owner and the group
	}
	if err := os.Chown(path, uid, gid); err != nil {
		return err
	}
	return os.Chmod(path, f.mode)
}

// linkNames makes the visible top-level names lead through ..data, and removes those that went.
func linkNames(dir string, payload map[string]file) error {
	want := map[string]bool{}
	for name := range payload {
		top, _, _ := strings.Cut(name, "/")
		want[top] = true
	}
	for name := range want {
		err := os.Symlink(filepath.Join(dataLink, name), filepath.Join(dir, name))
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !want[e.Name()] && !strings.HasPrefix(e.Name(), "..") {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// same says whether a folder holds exactly the payload.
func same(dir string, payload map[string]file) bool {
	count := 0
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, _ := filepath.Rel(dir, p)
		f, ok := payload[name]
		if !ok {
			return fs.ErrNotExist
		}
		b, err := os.ReadFile(p)
		if err == nil && !bytes.Equal(b, f.data) {
			err = fs.ErrExist
		}
		count++
		return err
	})
	return err == nil && count == len(payload)
}
