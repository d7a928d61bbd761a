package cli

import (
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"taffrail.dev/ops/taffrail/cluster"
	"taffrail.dev/ops/taffrail/datadir"
	"taffrail.dev/ops/taffrail/progress"
)

func upCommand() *cobra.Command {
	var (
		c       cluster.Config
		data    *string
		noNode  bool
		detach  bool
		readyFD int
	)
	up := &cobra.Command{
		Use:   "up",
		Short: "Start the all-in-one: the journal, the gateway, every service, and this machine as a node",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if detach {
				return startDetached(dir(data), cmd.ErrOrStderr())
			}
			ready := readyFile(readyFD)
			defer ready.Close()
			c.Dir, c.Node = dir(data), !noNode
			c.Progress = progress.New(io.MultiWriter(cmd.ErrOrStderr(), ready), nil)
			c.Ready = func() {
				fmt.Fprintln(ready, readyLine)
				ready.Close()
			}
			return logged(cmd.Context(), c, cluster.Run)
		},
	}
	data = dataDirFlag(up)
	f := up.Flags()
	f.IntVar(&c.HTTPSPort, "https-port", 6443, "port of the gateway")
	f.IntVar(&c.HTTPPort, "http-port", 0, "port on loopback for health and metrics without TLS; 0 is none")
	f.StringVar(&c.NATSURL, "nats-url", "", "NATS server with JetStream to use instead of the embedded one")
	f.StringVar(&c.NATSCreds, "nats-creds", "", "file of credentials for --nats-url")
	f.StringVar(&c.NATSCA, "nats-ca", "", "file of the authority that vouches for --nats-url (default: the system's)")
	natsReplicasFlag(f, &c)
	accessFlags(f, &c)
	f.StringVar(&c.NATSListen, "nats-listen", "", "address, host:port, at which other processes join by the credentials in DIR/creds and the authority DIR/pki/ca.crt")
	f.BoolVar(&noNode, "no-node", false, "control plane alone: for hosts without containers, and for load tests")
	f.StringVar(&c.NodeName, "node-name", "", "name of this machine as a node (default: its host name)")
	f.StringVar(&c.NodeIP, "node-ip", "", "address of this machine as a node (default: that of the default route)")
	f.StringVar(&c.NameServer, "name-server", "", "address, host:port, of the cluster's name server (default: this machine's, as a node)")
	f.StringVar(&c.RegistryConfig, "registry-config", "", "file that names registry mirrors and credentials")
	f.BoolVar(&detach, "detach", false, "start in the background and return once it is ready")
	f.IntVar(&readyFD, "ready-fd", 0, "file descriptor to report progress to")
	_ = f.MarkHidden("ready-fd") // the flag exists
	return up
}

func natsReplicasFlag(f *pflag.FlagSet, c *cluster.Config) {
	f.IntVar(&c.NATSReplicas, "nats-replicas", 1, "servers of --nats-url that keep each stream: 1, 3 or 5")
}

// accessFlags are the gateway's about who may do what, by kube-apiserver's names.
func accessFlags(f *pflag.FlagSet, c *cluster.Config) {
	f.BoolVar(&c.BootstrapTokens, "enable-bootstrap-token-auth", false, "accept the tokens of secrets of type bootstrap.kubernetes.io/token in kube-system")
}

// readyLine is the last that a starting instance reports.
const readyLine = "ready"

// readyFile is where progress is reported to, beside standard error.
func readyFile(fd int) *os.File {
	if fd > 2 {
		syscall.CloseOnExec(fd) // what outlives this process must not hold it open
		return os.NewFile(uintptr(fd), "ready")
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return os.Stderr
	}
	return null
}

// pidOf names a running instance, for people.
func pidOf(d datadir.Dir) string {
	if pid := datadir.Running(d); pid != 0 {
		return fmt.Sprintf("process %d", pid)
	}
	return "nobody"
}
