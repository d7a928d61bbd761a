package logs

import (
	"os"
	"path/filepath"
	"sort"
	"sync"
	"time"
)

// Limits bound a container's log files.
type Limits struct {
	// Size of one file in bytes, 0 for 10 MiB; Files including the current one, 0 for 5.
	Size  int64
	Files int
}

func (l Limits) orDefault() Limits {
	if l.Size <= 0 {
		l.Size = 10 << 20
	}
	if l.Files <= 0 {
		l.Files = 5
	}
	return l
}

// file is a container's current log file; both streams write to it.
type file struct {
	path   string
	limits Limits

	mu   sync.Mutex // guards what follows; held over the write so that lines stay whole
	f    *os.File
	size int64
}

func openFile(path string, limits Limits) (*file, error) {
	w := &file{path: path, limits: limits.orDefault()}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	return w, w.open()
}

func (w *file) open() error {
	f, err := os.OpenFile(w.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return err
	}
	w.f, w.size = f, st.Size()
	return nil
}

func (w *file) write(b []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.size > 0 && w.size+int64(len(b)) > w.limits.Size {
		if err := w.rotate(); err != nil {
			return err
		}
	}
	n, err := w.f.Write(b)
	w.size += int64(n)
	return err
}

// rotate moves the current file aside as "<path>.<time>" and removes the oldest ones.
func (w *file) rotate() error {
	w.f.Close()
	aside := w.path + "." + time.Now().UTC().Format("20060102-150405.000000000")
	if err := os.Rename(w.path, aside); err != nil && !os.IsNotExist(err) {
		return err
	}
	old := Rotated(w.path)
	for len(old) > w.limits.Files-1 {
		if err := os.Remove(old[0]); err != nil && !os.IsNotExist(err) {
			return err
		}
		old = old[1:]
	}
	return w.open()
}

// Rotated are the files that path was moved aside to, oldest first.
func Rotated(path string) []string {
	old, _ := filepath.Glob(path + ".*")
	sort.Strings(old)
	return old
}

func (w *file) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.f.Close()
}
