package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"taffrail.dev/ops/taffrail/cluster"
	"taffrail.dev/ops/taffrail/progress"
	"taffrail.dev/services/registry"
)

// serviceCommands run one part of a cluster each, on a journal elsewhere.
func serviceCommands() []*cobra.Command {
	controllers := &cobra.Command{
		Use: "controller NAME", Short: "Run one controller",
		Args: cobra.NoArgs, RunE: showHelp,
	}
	commands := []*cobra.Command{gatewayCommand()}
	for _, s := range registry.All(registry.Config{}) {
		if s.Controller {
			controllers.AddCommand(serviceCommand(s))
		} else {
			commands = append(commands, serviceCommand(s))
		}
	}
	return append(commands, controllers, nodeagentCommand())
}

// serviceCommand runs one of the registry's.
func serviceCommand(s registry.Service) *cobra.Command {
	service := cluster.ServiceConfig{Name: s.Spec.Name}
	c := joiningCommand(s.Spec.Name, strings.ToUpper(s.Does[:1])+s.Does[1:], func(ctx context.Context, c cluster.Config) error {
		return cluster.RunService(ctx, c, service)
	})
	if s.Vouches {
		c.Flags().StringVar(&service.Authority, "ca-file", "", "file of the cluster's authority, which pods are to trust")
		_ = c.MarkFlagRequired("ca-file") // the flag exists
	}
	if s.Signs {
		f := c.Flags()
		f.StringVar(&service.SigningCert, "cluster-signing-cert-file", "", "file of the authority that signs, PEM")
		f.StringVar(&service.SigningKey, "cluster-signing-key-file", "", "file of its private key, PEM; may be the same file")
		c.MarkFlagsRequiredTogether("cluster-signing-cert-file", "cluster-signing-key-file")
		_ = c.MarkFlagRequired("cluster-signing-cert-file") // the flag exists
	}
	if s.Listens {
		c.Flags().StringVar(&service.Listen, "listen", "", "address, host:port, to listen at (default: this machine's)")
	}
	return c
}

// joiningCommand is a command that joins a cluster by its journal.
func joiningCommand(use, short string, run func(context.Context, cluster.Config) error, more ...func(*cobra.Command, *cluster.Config)) *cobra.Command {
	var c cluster.Config
	command := &cobra.Command{
		Use: use, Short: short, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.Dir = dir((*string)(&c.Dir))
			c.Progress = progress.New(cmd.ErrOrStderr(), nil)
			return logged(cmd.Context(), c, run)
		},
	}
	f := command.Flags()
	f.StringVar(&c.NATSURL, "nats-url", "", "NATS server that has the journal")
	f.StringVar(&c.NATSCreds, "nats-creds", "", "file of credentials for it")
	f.StringVar(&c.NATSCA, "nats-ca", "", "file of the authority that vouches for it (default: the system's)")
	f.IntVar(&c.HTTPPort, "http-port", 0, "port on loopback for health and metrics without TLS; 0 is none")
	_ = command.MarkFlagRequired("nats-url") // the flag exists
	for _, add := range more {
		add(command, &c)
	}
	return command
}

func gatewayCommand() *cobra.Command {
	return joiningCommand("gateway", "Run a gateway: the API, by HTTPS and by commands", cluster.RunGateway, stateFlags, func(command *cobra.Command, c *cluster.Config) {
		f := command.Flags()
		f.IntVar(&c.HTTPSPort, "https-port", 6443, "port of the gateway")
		natsReplicasFlag(f, c)
		accessFlags(f, c)
		f.StringVar(&c.NameServer, "name-server", "", "address, host:port, of the cluster's name server")
	})
}

func nodeagentCommand() *cobra.Command {
	return joiningCommand("nodeagent", "Run this machine as a node", cluster.RunNode, stateFlags, func(command *cobra.Command, c *cluster.Config) {
		command.Flags().StringVar(&c.RegistryConfig, "registry-config", "", "file that names registry mirrors and credentials")
	})
}

// stateFlags are for those that have a data dir and a name.
func stateFlags(command *cobra.Command, c *cluster.Config) {
	f := command.Flags()
	f.StringVar((*string)(&c.Dir), "data-dir", defaultDataDir, "folder that the instance keeps its state in")
	f.StringVar(&c.PKI, "pki", "", "folder of the cluster's keys and certificates (default: that of the data dir)")
	f.StringVar(&c.NodeName, "node-name", "", "name of this machine (default: its host name)")
	f.StringVar(&c.NodeIP, "node-ip", "", "address of this machine (default: that of the default route)")
}

// logged runs a part with a log on standard error.
func logged(ctx context.Context, c cluster.Config, run func(context.Context, cluster.Config) error) error {
	log, err := newLog()
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	defer func() { _ = log.Sync() }() // standard error cannot be synced everywhere
	c.Log = log
	return run(ctx, c)
}
