package brief

import "google.golang.org/protobuf/encoding/protowire"

// fields says which fields of a protobuf message are kept: those it has, of messages in it those that the
// value has. No value keeps a field whole.
type fields map[protowire.Number]fields

// sift appends to out the fields of a message that are kept. What is no message is left out from where it is none.
func (f fields) sift(out, message []byte) []byte {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return out
		}
		m := protowire.ConsumeFieldValue(number, kind, message[n:])
		if m < 0 {
			return out
		}
		field := message[:n+m]
		message = message[n+m:]
		within, kept := f[number]
		switch {
		case !kept:
		case within == nil:
			out = append(out, field...)
		case kind == protowire.BytesType:
			value, _ := protowire.ConsumeBytes(field[n:])
			out = within.siftInto(out, number, value)
		}
	}
	return out
}

// siftInto appends a message within another.
func (f fields) siftInto(out []byte, number protowire.Number, message []byte) []byte {
	var buffer [2 * 10]byte
	at := len(out)
	out = f.sift(out, message)
	head := protowire.AppendVarint(protowire.AppendTag(buffer[:0], number, protowire.BytesType), uint64(len(out)-at))
	size := len(out) - at
	out = append(out, head...)
	copy(out[at+len(head):], out[at:at+size])
	copy(out[at:], head)
	return out
}
