// Package cli is taffrail's commands: each is flags and a call.
package cli

import (
	"io"
	"path/filepath"

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
		// A mistake is one line.
		DisableSuggestions: true,
	}
	root.SetOut(out)
	root.SetErr(err)
	root.CompletionOptions.HiddenDefaultCmd = true
	group(root, "cluster", "Cluster:", upCommand(), downCommand())
	group(root, "services", "Services, each a process of its own that joins by --nats-url:", serviceCommands()...)
	group(root, "tools", "Tools:", kubectlCommand(), logCommand(), imageCommand())
	root.SetHelpCommandGroupID("tools")
	root.SetCompletionCommandGroupID("tools")
	return root
}

// group adds commands under a title.
func group(root *cobra.Command, id, title string, commands ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: id, Title: title})
	for _, c := range commands {
		c.GroupID = id
		root.AddCommand(c)
	}
}

// dataDirFlag adds --data-dir to a command.
func dataDirFlag(c *cobra.Command) *string {
	return c.Flags().String("data-dir", defaultDataDir, "folder that the instance keeps its state in")
}

// dir is a flag's data dir, absolute: others are told of it whose folder is another.
func dir(flag *string) datadir.Dir {
	absolute, err := filepath.Abs(*flag)
	if err != nil { // there is no current folder
		absolute = *flag
	}
	return datadir.Dir(absolute)
}
