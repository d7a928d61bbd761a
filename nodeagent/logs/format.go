// Package logs keeps containers' output: one small process per node reads every
// container's pipes and writes CRI-format files with rotation, so that logging neither ends with
// the node agent nor costs a process per container; and readers that follow those files.
package logs

import (
	"bytes"
	"time"
)

// Stream is a container's output stream.
type Stream string

// The streams; Stdin only names an attached writer.
const (
	Stdout Stream = "stdout"
	Stderr Stream = "stderr"
)

// maxLine bounds a line in a file; a longer one is split into partial lines.
const maxLine = 16 << 10

const timeFormat = "2006-01-02T15:04:05.000000000Z07:00"

// appendLine appends "<time> <stream> <F|P> <text>\n" to b.
func appendLine(b []byte, at time.Time, s Stream, full bool, text []byte) []byte {
	b = at.UTC().AppendFormat(b, timeFormat)
	b = append(b, ' ')
	b = append(b, s...)
	if full {
		b = append(b, " F "...)
	} else {
		b = append(b, " P "...)
	}
	b = append(b, text...)
	return append(b, '\n')
}

// Line is one line of a log file.
type Line struct {
	Time   time.Time
	Stream Stream
	// Full is false for a part of a longer line.
	Full bool
	Text []byte
}

// ParseLine reads a line without its newline; false if it isn't one.
func ParseLine(b []byte) (Line, bool) {
	stamp, rest, ok := bytes.Cut(b, []byte{' '})
	if !ok {
		return Line{}, false
	}
	at, err := time.Parse(time.RFC3339Nano, string(stamp))
	if err != nil {
		return Line{}, false
	}
	stream, rest, ok := bytes.Cut(rest, []byte{' '})
	if !ok || (Stream(stream) != Stdout && Stream(stream) != Stderr) {
		return Line{}, false
	}
	tag, text, ok := bytes.Cut(rest, []byte{' '})
	if !ok || len(tag) == 0 || (tag[0] != 'F' && tag[0] != 'P') {
		return Line{}, false
	}
	return Line{Time: at, Stream: Stream(stream), Full: tag[0] == 'F', Text: text}, true
}
