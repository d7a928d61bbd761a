package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"

	"taffrail.dev/nodeagent/logs"
)

func (s *Server) containerLogs(w http.ResponseWriter, r *http.Request) {
	o, err := parseLogOptions(r.URL.Query(), time.Now())
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	c, err := s.Pods.Container(r.PathValue("namespace"), r.PathValue("pod"), "", r.PathValue("container"), o.previous)
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	out := &logWriter{w: bufio.NewWriterSize(w, 32<<10), flush: http.NewResponseController(w).Flush, logOptions: o}
	if err := sendLog(r.Context(), c, out); err != nil && !errors.Is(err, errLimit) && r.Context().Err() == nil {
		fmt.Fprintf(out.w, "failed to read the log: %v\n", err)
	}
	_ = out.w.Flush() // the client is gone, or has it all
}

// errLimit ends a log at the client's limit of bytes.
var errLimit = errors.New("limit of bytes reached")

// sendLog sends what the log has from the options' start, then follows it until the
// container ends, if asked.
func sendLog(ctx context.Context, c Container, out *logWriter) error {
	var changes *fsnotify.Watcher
	if out.follow {
		var err error
		if changes, err = fsnotify.NewWatcher(); err != nil {
			return err
		}
		defer changes.Close()
		if err := changes.Add(filepath.Dir(c.LogPath)); err != nil {
			return err
		}
	}
	last, err := sendFiles(c.LogPath, out)
	if last != nil {
		defer func() { last.close() }()
	}
	if err != nil || !out.follow {
		return err
	}
	return followLog(ctx, c, &last, out, changes)
}

// sendFiles sends the rotated files and the current one from where the tail begins,
// and returns the current one, read to its end.
func sendFiles(path string, out *logWriter) (*logFile, error) {
	files := append(logs.Rotated(path), path)
	first, offset, err := tailStart(files, out.tail)
	if err != nil {
		return nil, err
	}
	var current *logFile
	for _, name := range files[first:] {
		if current != nil {
			current.close()
		}
		if current, err = openLog(name, offset); err != nil {
			if errors.Is(err, os.ErrNotExist) {
				current = nil
				continue
			}
			return nil, err
		}
		offset = 0
		if err := current.drain(out); err != nil {
			return current, err
		}
	}
	return current, out.sync()
}

// followLog sends what is added, over rotations, until the container has ended and
// its last line is sent.
func followLog(ctx context.Context, c Container, current **logFile, out *logWriter, changes *fsnotify.Watcher) error {
	for {
		ended := false
		select {
		case <-c.Ended:
			ended = true
		default:
		}
		if err := catchUp(c.LogPath, current, out); err != nil || ended {
			return err
		}
		select {
		case <-changes.Events:
		case err := <-changes.Errors:
			return err
		case <-c.Ended:
		case <-ctx.Done():
			return nil
		}
	}
}

// catchUp drains the current file and, if it was moved aside, the one that took its place.
func catchUp(path string, current **logFile, out *logWriter) error {
	for {
		if *current != nil {
			if err := (*current).drain(out); err != nil {
				return err
			}
		}
		if (*current).is(path) {
			return out.sync()
		}
		next, err := openLog(path, 0)
		if errors.Is(err, os.ErrNotExist) {
			return out.sync()
		}
		if err != nil {
			return err
		}
		if *current != nil {
			// What came between the drain and the move.
			if err := (*current).drain(out); err != nil {
				next.close()
				return err
			}
			(*current).close()
		}
		*current = next
	}
}

// logFile is an open log file with an unfinished last line.
type logFile struct {
	f    *os.File
	r    *bufio.Reader
	part []byte
}

func openLog(name string, offset int64) (*logFile, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		f.Close()
		return nil, err
	}
	return &logFile{f: f, r: bufio.NewReaderSize(f, 64<<10)}, nil
}

func (l *logFile) close() { l.f.Close() }

// is says whether the file is what path now names.
func (l *logFile) is(path string) bool {
	if l == nil {
		return false
	}
	mine, err := l.f.Stat()
	if err != nil {
		return false
	}
	now, err := os.Stat(path)
	return err == nil && os.SameFile(mine, now)
}

// drain writes all whole lines there are.
func (l *logFile) drain(out *logWriter) error {
	for {
		text, err := l.r.ReadSlice('\n')
		l.part = append(l.part, text...)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil {
			return err
		}
		line := l.part[:len(l.part)-1]
		if err := out.line(line); err != nil {
			return err
		}
		l.part = l.part[:0]
	}
}
