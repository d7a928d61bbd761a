package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"taffrail.dev/tests/bench/load"
	"taffrail.dev/tests/instance"
)

type options struct {
	binary, only, data string
	pods, restart      int
}

// table prints figures as they come, each beside its anchor and its target.
type table struct{ *tabwriter.Writer }

func (t table) row(work, figure, peer, target string) {
	fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", work, figure, peer, target)
	t.Flush()
}

// load runs a load and prints its rate, and the processor time that each request took the
// server, which other work on the machine does not change much.
func (t table) load(i *instance.Instance, work string, run func() (load.Result, error), peer, target string) error {
	before := i.CPU()
	r, err := run()
	if err != nil {
		return fmt.Errorf("%s: %w", work, err)
	}
	figure := fmt.Sprintf("%.0f/s, p50 %.1f ms, p99 %.1f ms, CPU %.2f ms each", r.Rate(), ms(r.P50), ms(r.P99), ms(i.CPU()-before)/float64(r.Requests))
	if r.Failed > 0 {
		figure += fmt.Sprintf(", %d FAILED %v", r.Failed, r.Status)
	}
	t.row(work, figure, peer, target)
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func mib(bytes int64) string { return fmt.Sprintf("%d MB", bytes>>20) }

func run(o options) error {
	if o.data == "" {
		dir, err := os.MkdirTemp("", "taffrail-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		o.data = dir
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	t := table{tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)}
	t.row("WORK", "HERE", "PEER", "TARGET")
	i, err := instance.Start(ctx, o.binary, o.data)
	if err != nil {
		return err
	}
	defer i.Kill()
	t.row("start, empty, to ready", fmt.Sprintf("%.2f s", i.Ready.Seconds()), "3.4 s with a node", "3 s with a node")
	<-time.After(5 * time.Second) // idle
	t.row("resident memory, idle", mib(i.Memory()), "626 MB with a kubelet", "120 MB")
	if err := loads(t, i, o); err != nil {
		i.Kill()
		return fmt.Errorf("%w\n%s", err, i.Output())
	}
	t.row("resident memory, after", mib(i.Memory()), "3.3 GB", "")
	if o.restart == 0 || o.only != "" && o.only != "restart" {
		return nil
	}
	return restart(ctx, t, i, o)
}

func loads(t table, i *instance.Instance, o options) error {
	conns, err := i.Dial(8)
	if err != nil {
		return err
	}
	if err := prepare(conns[0]); err != nil {
		return err
	}
	do := func(name string, work func() error) error {
		if o.only != "" && o.only != name && name != "create" {
			return nil
		}
		return work()
	}
	return errors.Join(
		do("create", func() error {
			return t.load(i, "create pods, 64 clients", func() (load.Result, error) { return create(conns, 0, o.pods) }, "1,090/s, p99 163 ms", "4,000/s")
		}),
		do("patch", func() error {
			return t.load(i, "patch status, 64 clients", func() (load.Result, error) { return patch(conns, o.pods) }, "750/s, p99 237 ms", "")
		}),
		do("get", func() error {
			return t.load(i, "get pod, 64 clients", func() (load.Result, error) { return get(conns, o.pods, 5*o.pods) }, "3,600/s, p99 47 ms", "12,000/s")
		}),
		do("list", func() error { return lists(t, i, conns) }),
		do("watch", func() error {
			f, err := watch(conns, i.Dial, 100, 10000)
			if err == nil {
				t.row("watch, 100 watchers", fmt.Sprintf("%.0f events/s (%d of %d), p50 %.1f ms, p99 %.1f ms", float64(f.Events)/f.Took.Seconds(), f.Events, f.Want, ms(f.P50), ms(f.P99)), "28,900/s, p99 8.9 ms", "150,000/s")
			}
			return err
		}),
		do("delete", func() error {
			return t.load(i, "delete pods, 64 clients", func() (load.Result, error) { return remove(conns, o.pods) }, "1,020/s", "")
		}),
	)
}

func lists(t table, i *instance.Instance, conns []*load.Conn) error {
	for _, f := range []struct{ name, accept, peer, target string }{
		{"protobuf", protobuf, "93 MB/s", "600 MB/s"}, {"JSON", "application/json", "163 MB/s", ""},
	} {
		before := i.Memory()
		r, err := list(conns, f.accept, 200)
		if err != nil {
			return err
		}
		t.row("list, 40 at once, "+f.name, fmt.Sprintf("%.0f MB/s, %.1f MB each, memory +%s, %d failed", float64(r.Bytes)/1e6/r.Took.Seconds(), float64(r.Bytes)/1e6/float64(r.Requests), mib(i.Memory()-before), r.Failed), f.peer, f.target)
	}
	return nil
}

// restart fills the journal, stops cleanly and kills, and times both starts.
func restart(ctx context.Context, t table, i *instance.Instance, o options) error {
	conns, err := i.Dial(8)
	if err != nil {
		return err
	}
	if r, err := create(conns, 1_000_000, o.restart); err != nil || r.Failed > 0 {
		return fmt.Errorf("fill with %d objects: %d failed: %w", o.restart, r.Failed, err)
	}
	if err := i.Stop(); err != nil {
		return err
	}
	for _, how := range []string{"stopped", "killed"} {
		next, err := instance.Start(ctx, o.binary, o.data)
		if err != nil {
			return err
		}
		t.row(fmt.Sprintf("start over %d objects, %s", o.restart, how), fmt.Sprintf("%.2f s, memory %s", next.Ready.Seconds(), mib(next.Memory())), "", "5 s")
		next.Kill()
	}
	return nil
}
