package cli

import (
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	componentcli "k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/plugin"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"

	"taffrail.dev/ops/taffrail/datadir"
)

// kubectlCommand is kubectl itself. Without --kubeconfig or $KUBECONFIG it talks to
// the instance of the default data dir.
func kubectlCommand() *cobra.Command {
	return &cobra.Command{
		Use:                "kubectl",
		Short:              "kubectl, with this cluster's kubeconfig",
		DisableFlagParsing: true,
		Run: func(c *cobra.Command, args []string) {
			streams := genericiooptions.IOStreams{In: os.Stdin, Out: c.OutOrStdout(), ErrOut: c.ErrOrStderr()}
			k := kubectl.NewDefaultKubectlCommandWithArgs(kubectl.KubectlOptions{
				PluginHandler: kubectl.NewDefaultPluginHandler(plugin.ValidPluginFilenamePrefixes),
				Arguments:     append([]string{"kubectl"}, args...),
				ConfigFlags:   configFlags(args, streams),
				IOStreams:     streams,
			})
			k.SetArgs(args)
			if err := componentcli.RunNoErrOutput(k); err != nil {
				kubectlutil.CheckErr(err)
			}
		},
	}
}

// configFlags are kubectl's own, with its rates.
func configFlags(args []string, streams genericiooptions.IOStreams) *genericclioptions.ConfigFlags {
	flags := genericclioptions.NewConfigFlags(true).WithDeprecatedPasswordFlag().WithDiscoveryBurst(300).WithDiscoveryQPS(50).WithWarningPrinter(streams)
	named := slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "--kubeconfig") })
	path := datadir.Dir(defaultDataDir).Kubeconfig()
	if _, err := os.Stat(path); err == nil && !named && os.Getenv("KUBECONFIG") == "" {
		flags.KubeConfig = &path
	}
	return flags
}
