package matching

import (
	"errors"
	"fmt"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
)

// maxOperations is Kubernetes' bound for a JSON patch.
const maxOperations = 10000

// Patched is a text with a JSON patch applied.
func Patched(text []byte, patch jsonpatch.Patch) (out []byte, err error) {
	if len(patch) > maxOperations {
		return nil, fmt.Errorf("the allowed maximum operations in a JSON patch is %d, got %d", maxOperations, len(patch))
	}
	// The library panics at operations that lack a value.
	defer func() {
		if fault := recover(); fault != nil {
			err = errors.New("an operation lacks what it needs")
		}
	}()
	return patch.Apply(text)
}

// Paths are the JSON pointers that a patch changes, in order and each once.
func Paths(patch jsonpatch.Patch) (paths []string) {
	seen := map[string]bool{}
	for _, operation := range patch {
		if operation.Kind() == "test" {
			continue
		}
		if path, err := operation.Path(); err == nil && !seen[path] {
			seen[path] = true
			paths = append(paths, path)
		}
	}
	return paths
}
