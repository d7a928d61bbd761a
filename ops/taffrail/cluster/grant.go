package cluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"taffrail.dev/events/bus"
	"taffrail.dev/ops/taffrail/datadir"
	"taffrail.dev/services/registry"
)

// grant writes the seeds by which others join a journal that listens, one for each role: the gateway,
// this machine as a node, each service. A seed lasts; what its role may do is what it may now.
func (i *instance) grant() error {
	if i.NATSListen == "" {
		return nil
	}
	roles := []bus.Role{bus.Gateway(), bus.Node(i.name)}
	for _, s := range registry.All(registry.Config{Resources: resources()}) {
		roles = append(roles, role(s))
	}
	if err := os.MkdirAll(filepath.Dir(i.Dir.Seed("any")), 0o700); err != nil {
		return err
	}
	for _, r := range roles {
		if err := i.grantRole(r); err != nil {
			return fmt.Errorf("credentials of %s: %w", r.Name(), err)
		}
	}
	i.Progress.Done("journal listens")
	return nil
}

func (i *instance) grantRole(r bus.Role) error {
	file := i.Dir.Seed(r.Name())
	seed, err := os.ReadFile(file)
	if err == nil {
		return i.bus.GrantTo(r, seed)
	}
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if seed, err = i.bus.Grant(r); err != nil {
		return err
	}
	// A file cut short would be refused for ever.
	return datadir.Replace(file, append(seed, '\n'), 0o600)
}
