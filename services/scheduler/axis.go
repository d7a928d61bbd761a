package scheduler

// axis numbers the values of one topology key, so that counting per domain is
// arithmetic on arrays.
type axis struct {
	key    string
	ids    map[string]int32
	values []int32 // per slot; -1 where the node lacks the label
}

// axis is that of a topology key, made on first use.
func (s *State) axis(key string) *axis {
	if a := s.axes[key]; a != nil {
		return a
	}
	a := &axis{key: key, ids: map[string]int32{}, values: make([]int32, len(s.slots))}
	for slot := range a.values {
		a.values[slot] = -1
	}
	for slot, n := range s.slots {
		if n != nil {
			a.place(slot, n)
		}
	}
	s.axes[key] = a
	return a
}

func (a *axis) place(slot int, n *node) {
	a.values[slot] = -1
	if n.object == nil {
		return
	}
	value, ok := n.object.Labels[a.key]
	if !ok {
		return
	}
	id, known := a.ids[value]
	if !known {
		id = int32(len(a.ids))
		a.ids[value] = id
	}
	a.values[slot] = id
}

// replace puts a changed node on every axis. An axis that remembers far more values than
// there are nodes is numbered anew.
func (s *State) replace(n *node) {
	for key, a := range s.axes {
		a.place(n.slot, n)
		if len(a.ids) > 2*len(s.slots)+64 {
			delete(s.axes, key)
		}
	}
}

// sum adds per-node counts up per value, over the slots that count says; into is
// reused.
func (a *axis) sum(into []int32, counts []int32, count func(slot int) bool) []int32 {
	into = zeroed(into, len(a.ids))
	for slot, value := range a.values {
		if value >= 0 && counts[slot] != 0 && (count == nil || count(slot)) {
			into[value] += counts[slot]
		}
	}
	return into
}

func zeroed(buffer []int32, size int) []int32 {
	if cap(buffer) < size {
		return make([]int32, size, 2*size)
	}
	buffer = buffer[:size]
	clear(buffer)
	return buffer
}
