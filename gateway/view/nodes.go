package view

import (
	"sync"

	"google.golang.org/protobuf/encoding/protowire"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

// Field numbers of core/v1 Pod: spec, and within it nodeName.
const (
	podSpec         = 2
	podSpecNodeName = 10
)

// Node is the object's spec.nodeName, "" if it has none.
func (e *Entry) Node() string { return nodeOf(e) }

// nodeOf is an object's spec.nodeName. A pod's is read without decoding the pod.
func nodeOf(e *Entry) (node string) {
	if e.table.Resource != subject.Pods {
		object, err := e.Object()
		if err != nil || e.table.Kind.Selectable == nil {
			return ""
		}
		return e.table.Kind.Selectable(object)[FieldNode]
	}
	fields(e.state, func(number protowire.Number, spec []byte) bool {
		if number == podSpec {
			fields(spec, func(number protowire.Number, value []byte) bool {
				if number == podSpecNodeName {
					node = string(value)
				}
				return true
			})
		}
		return true
	})
	return node
}

// placement is which pods are on which node, by key.
type placement struct {
	mu    sync.RWMutex // guards nodes
	nodes map[string]map[string]struct{}
}

func (p *placement) change(before, after *Entry) {
	from, to := "", ""
	if before != nil {
		from = nodeOf(before)
	}
	if after != nil {
		to = nodeOf(after)
	}
	if from == to {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if from != "" {
		delete(p.nodes[from], before.Key)
		if len(p.nodes[from]) == 0 {
			delete(p.nodes, from)
		}
	}
	if to == "" {
		return
	}
	if p.nodes == nil {
		p.nodes = map[string]map[string]struct{}{}
	}
	if p.nodes[to] == nil {
		p.nodes[to] = map[string]struct{}{}
	}
	p.nodes[to][after.Key] = struct{}{}
}

func (p *placement) on(node string) []string {
	p.mu.RLock()
	defer p.mu.RUnlock()
	keys := make([]string, 0, len(p.nodes[node]))
	for key := range p.nodes[node] {
		keys = append(keys, key)
	}
	return keys
}

// PodsOnNode are the pods bound to a node, in no order, decoded and shared.
func (v *View) PodsOnNode(node string) []kind.Object {
	t := v.Table(subject.Pods)
	if t == nil {
		return nil
	}
	snapshot := t.Snapshot()
	var out []kind.Object
	for _, key := range v.placement.on(node) {
		if e, ok := snapshot.tree.Get(&Entry{Key: key}); ok && nodeOf(e) == node {
			if object, err := e.Object(); err == nil {
				out = append(out, object)
			}
		}
	}
	return out
}
