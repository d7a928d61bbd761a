package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func imageCommand() *cobra.Command {
	return &cobra.Command{Use: "image", RunE: func(*cobra.Command, []string) error { return fmt.Errorf("later") }}
}

func serviceCommands() []*cobra.Command { return nil }
