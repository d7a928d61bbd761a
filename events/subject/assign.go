package subject

import "fmt"

const (
	assignNode = "assign.node"
	assignAll  = "assign.all"
	mark       = "mark"
)

// Assignment is what a subject of ASSIGN is about: one object told to one node or,
// with Node "", to all; or the mark that closes a full statement.
type Assignment struct {
	Node   string
	Mark   bool
	Object Object
}

// Subject is assign.node.<node>.<group>.<resource>.<namespace>.<name> or
// assign.all.<group>…; of a mark assign.node.<node>.mark or assign.all.mark.
func (a Assignment) Subject() string {
	prefix := assignAll
	if a.Node != "" {
		prefix = join(assignNode, a.Node)
	}
	if a.Mark {
		return prefix + "." + mark
	}
	return join(prefix, a.Object.Group, a.Object.Resource.Name, a.Object.Namespace, a.Object.Name)
}

// AssignNodeFilter matches everything told to one node, its marks included.
func AssignNodeFilter(node string) string { return join(assignNode, node) + ".>" }

// AssignAllFilter matches everything told to all nodes, the marks included.
func AssignAllFilter() string { return assignAll + ".>" }

// ParseAssignment undoes Assignment.Subject.
func ParseAssignment(subject string) (Assignment, error) {
	bad := fmt.Errorf("%q is not an assignment's subject", subject)
	t, err := split(subject)
	if err != nil || len(t) < 3 || t[0] != "assign" {
		return Assignment{}, bad
	}
	var a Assignment
	switch {
	case t[1] == "all":
		t = t[2:]
	case t[1] == "node" && t[2] != "":
		a.Node, t = t[2], t[3:]
	default:
		return Assignment{}, bad
	}
	switch {
	case len(t) == 1 && t[0] == mark:
		a.Mark = true
	case len(t) == 4:
		a.Object = Object{Resource: Resource{t[0], t[1]}, Namespace: t[2], Name: t[3]}
	default:
		return Assignment{}, bad
	}
	return a, nil
}
