package nftables

import (
	"fmt"

	"github.com/google/nftables"
)

const (
	// perMessage elements fit in a message's attribute of 64 KiB.
	perMessage = 400
	// perTransaction bounds a transaction, whose size the socket's buffer bounds.
	perTransaction = 40_000
)

// batch collects the elements of a transaction. Removals go first: an element is replaced by
// being removed and added.
type batch struct {
	conn     *nftables.Conn
	adds     map[*nftables.Set][]nftables.SetElement
	dels     map[*nftables.Set][]nftables.SetElement
	elements int
}

func (b *batch) add(set *nftables.Set, element nftables.SetElement) {
	if b.adds == nil {
		b.adds = map[*nftables.Set][]nftables.SetElement{}
	}
	b.adds[set] = append(b.adds[set], element)
	b.elements++
}

func (b *batch) del(set *nftables.Set, element nftables.SetElement) {
	if b.dels == nil {
		b.dels = map[*nftables.Set][]nftables.SetElement{}
	}
	b.dels[set] = append(b.dels[set], element)
	b.elements++
}

func (b *batch) flushIfFull() error {
	if b.elements < perTransaction {
		return nil
	}
	return b.flush()
}

// flush commits the transaction: all of it, or none.
func (b *batch) flush() error {
	for _, part := range []struct {
		sets map[*nftables.Set][]nftables.SetElement
		do   func(*nftables.Set, []nftables.SetElement) error
	}{{b.dels, b.conn.SetDeleteElements}, {b.adds, b.conn.SetAddElements}} {
		for set, elements := range part.sets {
			for len(elements) > 0 {
				n := min(perMessage, len(elements))
				if err := part.do(set, elements[:n]); err != nil {
					return fmt.Errorf("nftables set %s: %w", set.Name, err)
				}
				elements = elements[n:]
			}
		}
	}
	b.adds, b.dels, b.elements = nil, nil, 0
	if err := b.conn.Flush(); err != nil {
		return fmt.Errorf("nftables transaction: %w", err)
	}
	return nil
}
