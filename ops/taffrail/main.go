// Taffrail is the whole orchestrator in one binary: the all-in-one, each of its
// services, and the tools that an operator uses.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"taffrail.dev/ops/taffrail/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := cli.New(os.Stdout, os.Stderr).ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "taffrail:", err)
		os.Exit(1)
	}
}
