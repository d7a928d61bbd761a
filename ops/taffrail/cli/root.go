// Package cli is taffrail's commands: each is flags and a call.
package cli

import (
	"io"

	"github.com/spf13/cobra"

	"taffrail.dev/ops/taffrail/datadir"
)

// defaultDataDir is where an instance keeps its state unless told otherwise.
const defaultDataDir = "/var/lib/taffrail"

// New is the command tree; results go to out, progress and complaints to err.
func New(out, err io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:           "taffrail",
		Short:         "A Kubernetes-compatible orchestrator on an event journal",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetOut(out)
	root.SetErr(err)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(upCommand(), downCommand(), kubectlCommand(), logCommand(), imageCommand())
	root.AddCommand(serviceCommands()...)
	return root
}

// dataDirFlag adds --data-dir to a command.
func dataDirFlag(c *cobra.Command) *string {
	return c.Flags().String("data-dir", defaultDataDir, "folder that the instance keeps its state in")
}

func dir(flag *string) datadir.Dir { return datadir.Dir(*flag) }
