package admission

import (
	"slices"
	"strings"

	"taffrail.dev/gateway/kind"
)

const (
	nodeUserPrefix = "system:node:"
	nodesGroup     = "system:nodes"
)

// nodeOf is the name of the node whose agent asks, and whether it is an agent that asks.
func nodeOf(u *kind.User) (string, bool) {
	name, ok := strings.CutPrefix(u.Name, nodeUserPrefix)
	if !ok || !slices.Contains(u.Groups, nodesGroup) {
		return "", false
	}
	return name, true
}
