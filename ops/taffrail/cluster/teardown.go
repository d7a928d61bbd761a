package cluster

import (
	"context"
	"errors"
	"os"

	"go.uber.org/zap"

	"taffrail.dev/nodeagent"
	"taffrail.dev/nodeagent/network"
	"taffrail.dev/nodeagent/proxy/dataplane"
	"taffrail.dev/ops/taffrail/datadir"
)

// TearDown ends the containers that a stopped instance left running, and removes its mounts,
// namespaces, interfaces and rules from this machine. Its data stays.
func TearDown(ctx context.Context, dir datadir.Dir, log *zap.Logger) error {
	if _, err := os.Stat(dir.Path("node")); errors.Is(err, os.ErrNotExist) {
		return nil // it was no node
	}
	err := nodeagent.TearDown(ctx, nodeagent.Leftovers{
		DataDir: dir.Path("node"), StateDir: stateDir(dir), Socket: dir.Containerd(), BinDir: binDir(), CgroupRoot: cgroupRoot(dir), Log: log,
	})
	bridge, failed := network.NewBridge(networkConfig(dir, podRange))
	if failed == nil {
		failed = bridge.Cleanup(ctx)
	}
	return errors.Join(err, failed, dataplane.Cleanup(ctx, dataplane.Config{Pods: podRange}))
}
