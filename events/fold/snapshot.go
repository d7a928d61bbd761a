package fold

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/s2"

	"taffrail.dev/events/errs"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
)

// A snapshot is the state of a stream at a sequence: the last event of every subject
// whose object is alive, in order. It is written as
//
//	"taffrail snapshot 1\n"
//	an s2 stream of
//	    text stream, uvarint sequence
//	    records: text subject (never empty), uvarint sequence, bytes event
//	    empty text, uvarint count of records
//	    8 bytes: xxhash64 of all that precedes it in the s2 stream
//
// where text and bytes are a uvarint length and as many bytes.
const (
	snapshotMagic = "taffrail snapshot 1\n"
	// longestSnapshotField bounds what a reader takes for a length.
	longestSnapshotField = 64 << 20
)

const snapshotOp = "read snapshot"

// WriteSnapshot writes a stream's state at a sequence. The messages are the last of each
// live subject, none later than the sequence, in order.
func WriteSnapshot(w io.Writer, stream subject.Stream, sequence uint64, messages iter.Seq2[journal.Message, error]) error {
	if _, err := io.WriteString(w, snapshotMagic); err != nil {
		return err
	}
	compressed := s2.NewWriter(w, s2.WriterConcurrency(1))
	out := &snapshotWriter{out: bufio.NewWriterSize(compressed, 64<<10), sum: xxhash.New()}
	out.text(string(stream))
	out.number(sequence)
	count, last := uint64(0), uint64(0)
	for m, err := range messages {
		if err != nil {
			return err
		}
		if m.Sequence <= last || m.Sequence > sequence || m.Subject == "" {
			return errs.F("write snapshot", errs.Internal, "message %d on %q after %d, of a snapshot at %d", m.Sequence, m.Subject, last, sequence)
		}
		last = m.Sequence
		out.text(m.Subject)
		out.number(m.Sequence)
		out.bytes(m.Data)
		count++
	}
	out.text("")
	out.number(count)
	out.finish()
	if out.err != nil {
		return out.err
	}
	return compressed.Close()
}

type snapshotWriter struct {
	out *bufio.Writer
	sum *xxhash.Digest
	buf [binary.MaxVarintLen64]byte
	err error // the first
}

func (w *snapshotWriter) write(b []byte) {
	if w.err == nil {
		_, w.err = w.out.Write(b)
		_, _ = w.sum.Write(b) // never fails
	}
}

func (w *snapshotWriter) number(n uint64) { w.write(w.buf[:binary.PutUvarint(w.buf[:], n)]) }

func (w *snapshotWriter) bytes(b []byte) {
	w.number(uint64(len(b)))
	w.write(b)
}

func (w *snapshotWriter) text(s string) { w.bytes([]byte(s)) }

func (w *snapshotWriter) finish() {
	w.write(binary.LittleEndian.AppendUint64(nil, w.sum.Sum64()))
	if w.err == nil {
		w.err = w.out.Flush()
	}
}

// ReadSnapshot calls fn with a snapshot's messages and returns the snapshot's sequence. An
// error of kind Invalid says that the snapshot is none, is of another stream or is damaged; fn
// may have been called by then, so verify first what must not be taken back.
func ReadSnapshot(r io.Reader, stream subject.Stream, fn func(journal.Message) error) (uint64, error) {
	magic := make([]byte, len(snapshotMagic))
	if _, err := io.ReadFull(r, magic); err != nil || string(magic) != snapshotMagic {
		return 0, errs.F(snapshotOp, errs.Invalid, "not a snapshot of this version: it begins with %q", magic)
	}
	in := &snapshotReader{in: bufio.NewReaderSize(s2.NewReader(r), 64<<10), sum: xxhash.New()}
	if name := string(in.bytes()); in.err == nil && name != string(stream) {
		return 0, errs.F(snapshotOp, errs.Invalid, "it is of stream %q, not %s", name, stream)
	}
	sequence := in.number()
	count, last := uint64(0), uint64(0)
	for in.err == nil {
		m := journal.Message{Subject: string(in.bytes())}
		if m.Subject == "" {
			break
		}
		m.Sequence, m.Data = in.number(), in.bytes()
		if in.err == nil && (m.Sequence <= last || m.Sequence > sequence) {
			in.err = fmt.Errorf("message %d after %d", m.Sequence, last)
		}
		if in.err != nil {
			break
		}
		last = m.Sequence
		count++
		if err := fn(m); err != nil {
			return 0, err
		}
	}
	if got := in.number(); in.err == nil && got != count {
		in.err = fmt.Errorf("it has %d of %d messages", count, got)
	}
	in.finish()
	if in.err != nil {
		return 0, errs.F(snapshotOp, errs.Invalid, "damaged: %w", in.err)
	}
	return sequence, nil
}

type snapshotReader struct {
	in  *bufio.Reader
	sum *xxhash.Digest
	one [1]byte
	err error // the first
}

// ReadByte is for binary.ReadUvarint.
func (r *snapshotReader) ReadByte() (byte, error) {
	b, err := r.in.ReadByte()
	if err == nil {
		r.one[0] = b
		_, _ = r.sum.Write(r.one[:]) // never fails
	}
	return b, err
}

func (r *snapshotReader) number() uint64 {
	if r.err != nil {
		return 0
	}
	var n uint64
	n, r.err = binary.ReadUvarint(r)
	return n
}

func (r *snapshotReader) bytes() []byte {
	n := r.number()
	if r.err == nil && n > longestSnapshotField {
		r.err = fmt.Errorf("a length of %d", n)
	}
	if r.err != nil {
		return nil
	}
	var b []byte
	if n <= 64<<10 {
		b = make([]byte, n)
		_, r.err = io.ReadFull(r.in, b)
	} else { // not as much as a damaged length says before it has come
		var buf bytes.Buffer
		_, r.err = io.CopyN(&buf, r.in, int64(n))
		b = buf.Bytes()
	}
	_, _ = r.sum.Write(b) // never fails
	return b
}

func (r *snapshotReader) finish() {
	if r.err != nil {
		return
	}
	want := r.sum.Sum64()
	var sum [8]byte
	if _, r.err = io.ReadFull(r.in, sum[:]); r.err != nil {
		return
	}
	if binary.LittleEndian.Uint64(sum[:]) != want {
		r.err = errors.New("checksum mismatch")
	} else if _, err := r.in.ReadByte(); !errors.Is(err, io.EOF) {
		r.err = errors.New("more after the end")
	}
}
