package view

import (
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers shared by every Kubernetes API object: metadata is field 1 of the object; within it
// resourceVersion is 6 and labels are 11.
const (
	fieldMetadata        = 1
	fieldResourceVersion = 6
	fieldLabels          = 11
)

// splice appends to a stored object's protobuf a second metadata field that has only the
// resourceVersion. Repeated embedded messages merge when decoded, the last value of
// a scalar wins: so the result is the object at that version, without re-encoding.
func splice(state []byte, sequence uint64) []byte {
	var digits [20]byte
	version := strconv.AppendUint(digits[:0], sequence, 10)
	out := make([]byte, 0, len(state)+4+len(version))
	out = append(out, state...)
	out = append(out, fieldMetadata<<3|byte(protowire.BytesType), byte(len(version)+2))
	out = append(out, fieldResourceVersion<<3|byte(protowire.BytesType), byte(len(version)))
	return append(out, version...)
}

// fields calls fn with every length-delimited field of a message until it returns false.
func fields(message []byte, fn func(number protowire.Number, value []byte) bool) {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return
		}
		message = message[n:]
		if kind != protowire.BytesType {
			if n = protowire.ConsumeFieldValue(number, kind, message); n < 0 {
				return
			}
			message = message[n:]
			continue
		}
		value, n := protowire.ConsumeBytes(message)
		if n < 0 || !fn(number, value) {
			return
		}
		message = message[n:]
	}
}

// labelsOf reads an object's labels from its protobuf without decoding the rest.
func labelsOf(object []byte) map[string]string {
	var out map[string]string
	fields(object, func(number protowire.Number, metadata []byte) bool {
		if number != fieldMetadata {
			return true
		}
		fields(metadata, func(number protowire.Number, entry []byte) bool {
			if number == fieldLabels {
				var key, value string
				fields(entry, func(number protowire.Number, text []byte) bool {
					if number == 1 {
						key = string(text)
					} else if number == 2 {
						value = string(text)
					}
					return true
				})
				if out == nil {
					out = map[string]string{}
				}
				out[key] = value
			}
			return true
		})
		return false // the spliced field after it has no labels
	})
	return out
}

// Splice is a stored object's bytes with its resourceVersion: what an Entry
// of that state and sequence has.
func Splice(state []byte, sequence uint64) []byte {
	if text(state) {
		return spliceText(state, sequence)
	}
	return splice(state, sequence)
}

func spliceSize(sequence uint64) int {
	size := 5
	for ; sequence >= 10; sequence /= 10 {
		size++
	}
	return size
}
