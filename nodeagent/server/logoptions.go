package server

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"time"

	"taffrail.dev/nodeagent/logs"
)

// logOptions are a log request's parameters, as in PodLogOptions.
type logOptions struct {
	follow, previous, timestamps bool
	since                        time.Time
	// tail is the number of last lines, -1 for all; limit of bytes, -1 for none.
	tail, limit int64
	// stream is "" for both.
	stream logs.Stream
}

func parseLogOptions(q url.Values, now time.Time) (logOptions, error) {
	o := logOptions{tail: -1, limit: -1}
	var problems []error
	flag := func(name string) bool {
		if q.Get(name) == "" {
			return false
		}
		v, err := strconv.ParseBool(q.Get(name))
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %q is neither true nor false", name, q.Get(name)))
		}
		return v
	}
	count := func(name string, least, absent int64) int64 {
		if q.Get(name) == "" {
			return absent
		}
		v, err := strconv.ParseInt(q.Get(name), 10, 64)
		if err != nil || v < least {
			problems = append(problems, fmt.Errorf("%s: Invalid value: %q: must be greater than or equal to %d", name, q.Get(name), least))
		}
		return v
	}
	o.follow, o.previous, o.timestamps = flag("follow"), flag("previous"), flag("timestamps")
	o.tail, o.limit = count("tailLines", 0, -1), count("limitBytes", 1, -1)
	if seconds := count("sinceSeconds", 1, 0); seconds > 0 {
		o.since = now.Add(-time.Duration(seconds) * time.Second)
	}
	if text := q.Get("sinceTime"); text != "" {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			problems = append(problems, fmt.Errorf("sinceTime: %q is not an RFC 3339 time", text))
		}
		o.since = at
	}
	switch q.Get("stream") {
	case "", "All":
	case "Stdout":
		o.stream = logs.Stdout
	case "Stderr":
		o.stream = logs.Stderr
	default:
		problems = append(problems, fmt.Errorf("stream: Unsupported value: %q: supported values: \"All\", \"Stdout\", \"Stderr\"", q.Get("stream")))
	}
	return o, errors.Join(problems...)
}

// logWriter writes a log's lines to a client as it asked for them.
type logWriter struct {
	logOptions
	w     *bufio.Writer
	flush func() error
}

// line writes one line of a file; lines that are not of the format are left out.
func (l *logWriter) line(text []byte) error {
	line, ok := logs.ParseLine(text)
	if !ok || line.Time.Before(l.since) || l.stream != "" && line.Stream != l.stream {
		return nil
	}
	if l.timestamps {
		stamp, _, _ := bytes.Cut(text, []byte{' '})
		if err := l.write(append(bytes.Clone(stamp), ' ')); err != nil {
			return err
		}
	}
	if err := l.write(line.Text); err != nil || !line.Full {
		return err
	}
	return l.write([]byte{'\n'})
}

func (l *logWriter) write(b []byte) error {
	if l.limit >= 0 && int64(len(b)) >= l.limit {
		b = b[:l.limit]
		if _, err := l.w.Write(b); err != nil {
			return err
		}
		l.limit = 0
		return errLimit
	}
	if l.limit >= 0 {
		l.limit -= int64(len(b))
	}
	_, err := l.w.Write(b)
	return err
}

func (l *logWriter) sync() error {
	if err := l.w.Flush(); err != nil {
		return err
	}
	return l.flush()
}

// tailStart is where the last n lines of the files, taken as one, begin: a file's
// index and an offset in it. n < 0 is all.
func tailStart(files []string, n int64) (int, int64, error) {
	if n < 0 {
		return 0, 0, nil
	}
	last := len(files) - 1
	for i := last; i >= 0; i-- {
		offset, found, err := lastLines(files[i], n)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, 0, err
		}
		if n -= found; n == 0 {
			return i, offset, nil
		}
	}
	return 0, 0, nil
}

// lastLines finds where a file's last n lines begin, reading it backwards, and how
// many there are, at most n.
func lastLines(name string, n int64) (offset, found int64, err error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil || end == 0 {
		return 0, 0, err
	}
	if n == 0 {
		return end, 0, nil
	}
	block := make([]byte, 32<<10)
	for begin := end; begin > 0; {
		size := min(int64(len(block)), begin)
		begin -= size
		if _, err := f.ReadAt(block[:size], begin); err != nil {
			return 0, 0, err
		}
		for i := size - 1; i >= 0; i-- {
			if block[i] != '\n' || begin+i == end-1 {
				continue
			}
			if found++; found == n {
				return begin + i + 1, found, nil
			}
		}
	}
	return 0, found + 1, nil
}
