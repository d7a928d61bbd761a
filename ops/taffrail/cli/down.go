package cli

import (
	"context"
	"fmt"
	"io"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"taffrail.dev/ops/taffrail/cluster"
	"taffrail.dev/ops/taffrail/datadir"
	"taffrail.dev/ops/taffrail/progress"
)

// stopLimit bounds the wait for an instance's own clean end.
const stopLimit = 30 * time.Second

func downCommand() *cobra.Command {
	var data *string
	down := &cobra.Command{
		Use:   "down",
		Short: "Stop the all-in-one and its containers, and remove what it left on this machine; its data stays",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDown(cmd.Context(), dir(data), cmd.ErrOrStderr())
		},
	}
	data = dataDirFlag(down)
	return down
}

func runDown(ctx context.Context, d datadir.Dir, out io.Writer) error {
	steps := progress.New(out, nil)
	if pid := datadir.Running(d); pid != 0 {
		if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
			return fmt.Errorf("stop process %d: %w", pid, err)
		}
		if err := awaitEnd(ctx, d, pid); err != nil {
			return err
		}
		steps.Done("control plane stopped")
	}
	log, err := newLog()
	if err != nil {
		return err
	}
	if err := cluster.TearDown(ctx, d, log); err != nil {
		return err
	}
	steps.Done("containers and network gone")
	return nil
}

// awaitEnd waits until the instance has let go of its directory; one that does not
// end in time is killed.
func awaitEnd(ctx context.Context, d datadir.Dir, pid int) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit, cancel := context.WithTimeout(ctx, stopLimit)
	defer cancel()
	for datadir.Held(d) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-limit.Done():
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && datadir.Held(d) {
				return fmt.Errorf("process %d did not end within %s: %w", pid, stopLimit, err)
			}
			limit, cancel = context.WithTimeout(ctx, stopLimit)
			defer cancel()
		}
	}
	return nil
}
