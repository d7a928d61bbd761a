// Package metadata reads the metadata of any object, whatever its kind, from the bytes of its
// event: what ownership and deletion are decided on, and nothing that would cost more to read.
package metadata

import (
	"encoding/json"
	"errors"

	"google.golang.org/protobuf/encoding/protowire"

	eventv1 "taffrail.dev/proto/gen/event/v1"
)

// Metadata is the part of an object's ObjectMeta that does not depend on its kind's meaning.
type Metadata struct {
	Name       string   `json:"name"`
	Namespace  string   `json:"namespace"`
	UID        string   `json:"uid"`
	Owners     []Owner  `json:"ownerReferences"`
	Finalizers []string `json:"finalizers"`
	// DeletionTimestamp is set (non-empty) once deletion was asked for.
	DeletionTimestamp json.RawMessage `json:"deletionTimestamp"`
}

// Deleting says whether the object's deletion was asked for.
func (m *Metadata) Deleting() bool {
	return len(m.DeletionTimestamp) > 0 && string(m.DeletionTimestamp) != "null"
}

// Owner is one of the object's ownerReferences.
type Owner struct {
	APIVersion         string `json:"apiVersion"`
	Kind               string `json:"kind"`
	Name               string `json:"name"`
	UID                string `json:"uid"`
	Controller         bool   `json:"controller"`
	BlockOwnerDeletion bool   `json:"blockOwnerDeletion"`
}

// ErrMalformed is the error for bytes that are no object.
var ErrMalformed = errors.New("malformed object")

// Decode reads an object's metadata. Every Kubernetes protobuf message has it as field 1.
func Decode(encoding eventv1.Encoding, state []byte) (Metadata, error) {
	if encoding == eventv1.Encoding_ENCODING_JSON {
		var o struct {
			Metadata Metadata `json:"metadata"`
		}
		err := json.Unmarshal(state, &o)
		return o.Metadata, err
	}
	var m Metadata
	err := fields(state, func(n protowire.Number, v []byte, _ uint64) (bool, error) {
		if n != 1 {
			return true, nil
		}
		return false, m.read(v)
	})
	return m, err
}

func (m *Metadata) read(b []byte) error {
	return fields(b, func(n protowire.Number, v []byte, _ uint64) (bool, error) {
		switch n {
		case 1:
			m.Name = string(v)
		case 3:
			m.Namespace = string(v)
		case 5:
			m.UID = string(v)
		case 9:
			m.DeletionTimestamp = json.RawMessage(`"set"`)
		case 13:
			owner, err := readOwner(v)
			if err != nil {
				return false, err
			}
			m.Owners = append(m.Owners, owner)
		case 14:
			m.Finalizers = append(m.Finalizers, string(v))
		}
		return true, nil
	})
}

func readOwner(b []byte) (o Owner, err error) {
	err = fields(b, func(n protowire.Number, v []byte, i uint64) (bool, error) {
		switch n {
		case 1:
			o.Kind = string(v)
		case 3:
			o.Name = string(v)
		case 4:
			o.UID = string(v)
		case 5:
			o.APIVersion = string(v)
		case 6:
			o.Controller = i != 0
		case 7:
			o.BlockOwnerDeletion = i != 0
		}
		return true, nil
	})
	return o, err
}

// fields calls fn with each field of a message, its bytes or its integer, until fn says stop.
func fields(b []byte, fn func(n protowire.Number, v []byte, i uint64) (bool, error)) error {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return ErrMalformed
		}
		b = b[n:]
		var (
			v []byte
			i uint64
		)
		switch kind {
		case protowire.BytesType:
			v, n = protowire.ConsumeBytes(b)
		case protowire.VarintType:
			i, n = protowire.ConsumeVarint(b)
		default:
			n = protowire.ConsumeFieldValue(number, kind, b)
		}
		if n < 0 {
			return ErrMalformed
		}
		b = b[n:]
		if more, err := fn(number, v, i); err != nil || !more {
			return err
		}
	}
	return nil
}
