package proxy

import (
	"maps"
	"slices"
	"strings"
)

// table holds the servers wanted and those the dataplane was told of. What each service
// claims is kept apart: when two claim one frontend, the first by name has it until it lets go.
//
// Invariants:
//   - byService[s] lists exactly the frontends at which claims has a server of s.
//   - touched has every frontend at which wanted and applied differ.
type table struct {
	claims    map[Frontend]map[string]Server
	byService map[string][]Frontend
	applied   map[Frontend]Server
	touched   map[Frontend]bool
}

func newTable() *table {
	return &table{
		claims: map[Frontend]map[string]Server{}, byService: map[string][]Frontend{},
		applied: map[Frontend]Server{}, touched: map[Frontend]bool{},
	}
}

// set replaces what a service claims.
func (t *table) set(service string, servers []Server) {
	for _, frontend := range t.byService[service] {
		t.touched[frontend] = true
		if delete(t.claims[frontend], service); len(t.claims[frontend]) == 0 {
			delete(t.claims, frontend)
		}
	}
	delete(t.byService, service)
	for _, server := range servers {
		t.touched[server.Frontend] = true
		if t.claims[server.Frontend] == nil {
			t.claims[server.Frontend] = map[string]Server{}
		} else if _, twice := t.claims[server.Frontend][service]; twice {
			continue
		}
		t.claims[server.Frontend][service] = server
		t.byService[service] = append(t.byService[service], server.Frontend)
	}
}

// wanted is the server that a frontend should have.
func (t *table) wanted(frontend Frontend) (Server, bool) {
	claims := t.claims[frontend]
	if len(claims) == 0 {
		return Server{}, false
	}
	first := slices.MinFunc(slices.Collect(maps.Keys(claims)), strings.Compare)
	return claims[first], true
}

// Change is what a dataplane has to do for the kernel to be as wanted.
type Change struct {
	Update []Server
	Delete []Frontend
}

// diff compares wanted and applied at the frontends touched, in their order.
func (t *table) diff() Change {
	var change Change
	for _, frontend := range slices.SortedFunc(maps.Keys(t.touched), Frontend.compare) {
		wanted, want := t.wanted(frontend)
		applied, have := t.applied[frontend]
		switch {
		case want && !(have && wanted.equal(applied)):
			change.Update = append(change.Update, wanted)
		case !want && have:
			change.Delete = append(change.Delete, frontend)
		default:
			delete(t.touched, frontend)
		}
	}
	return change
}

// updated and deleted record what the dataplane has done.
func (t *table) updated(servers []Server) {
	for _, server := range servers {
		t.applied[server.Frontend] = server
		delete(t.touched, server.Frontend)
	}
}

func (t *table) deleted(frontends []Frontend) {
	for _, frontend := range frontends {
		delete(t.applied, frontend)
		delete(t.touched, frontend)
	}
}

// forget takes the dataplane to have nothing, so that the next diff tells it everything.
func (t *table) forget() {
	clear(t.applied)
	for frontend := range t.claims {
		t.touched[frontend] = true
	}
}
