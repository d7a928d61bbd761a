package daemon

import (
	"fmt"
	"path/filepath"
	"strings"
)

// unneeded are the plugins that no part of a node uses; each costs memory or
// start-up time. The restart monitor would even fight the pod machine.
var unneeded = []string{
	"io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime", "io.containerd.grpc.v1.cri",
	"io.containerd.podsandbox.controller.v1.podsandbox", "io.containerd.sandbox.controller.v1.shim",
	"io.containerd.grpc.v1.sandbox-controllers", "io.containerd.nri.v1.nri",
	"io.containerd.monitor.container.v1.restart", "io.containerd.monitor.task.v1.cgroups",
	"io.containerd.snapshotter.v1.blockfile", "io.containerd.snapshotter.v1.erofs", "io.containerd.snapshotter.v1.native",
	"io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
	"io.containerd.differ.v1.erofs", "io.containerd.mount-handler.v1.erofs", "io.containerd.mount-handler.v1.fsview",
	"io.containerd.image-verifier.v1.bindir", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing",
	"io.containerd.server.v1.grpc-tcp", "io.containerd.server.v1.metrics", "io.containerd.server.v1.debug",
	"io.containerd.metrics.v1.grpc-prometheus", "io.containerd.internal.v1.opt",
}

// Tasks is where that containerd keeps the bundles of its tasks, a folder per namespace.
func (c Config) Tasks() string {
	return filepath.Join(c.State, "state", "io.containerd.runtime.v2.task")
}

// configuration is containerd's config file: one root, one state folder and one
// socket, all below the node's own folders, and nothing of the host's.
func (c Config) configuration() string {
	quoted := make([]string, len(unneeded))
	for i, p := range unneeded {
		quoted[i] = fmt.Sprintf("  %q,\n", p)
	}
	return fmt.Sprintf(`version = 4
root = %[1]q
state = %[2]q
imports = []
disabled_plugins = [
%[3]s]

[plugins]
  [plugins.'io.containerd.server.v1.grpc']
    address = %[4]q
  [plugins.'io.containerd.server.v1.ttrpc']
    address = %[5]q
  [plugins.'io.containerd.shim.v1.manager']
    env = ["GOMAXPROCS=2", "GOGC=50"]
    socket_dir = %[6]q
  [plugins.'io.containerd.gc.v1.scheduler']
    startup_delay = "10s"
    schedule_delay = "1s"
`, filepath.Join(c.Root, "root"), filepath.Join(c.State, "state"), strings.Join(quoted, ""),
		c.Socket, c.Socket+".ttrpc", filepath.Join(c.State, "s"))
}
