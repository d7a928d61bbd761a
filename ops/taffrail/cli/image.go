package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"taffrail.dev/events/errs"
	"taffrail.dev/nodeagent/image"
	"taffrail.dev/ops/taffrail/datadir"
)

func imageCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "image", Short: "The node's images: put archives in, list, remove",
		Args: cobra.NoArgs, RunE: showHelp,
	}
	data := c.PersistentFlags().String("data-dir", defaultDataDir, "folder that the node keeps its state in")
	with := func(c *cobra.Command, do func(ctx context.Context, images *image.Store, out io.Writer, args []string) error) *cobra.Command {
		c.RunE = func(c *cobra.Command, args []string) error {
			images, err := dialImages(dir(data))
			if err != nil {
				return err
			}
			defer images.Client().Close()
			return do(c.Context(), images, c.OutOrStdout(), args)
		}
		return c
	}
	output := ""
	list := with(&cobra.Command{Use: "ls", Short: "List the images", Args: cobra.NoArgs},
		func(ctx context.Context, images *image.Store, out io.Writer, _ []string) error {
			list, err := images.List(ctx)
			if err != nil {
				return err
			}
			return printImages(out, list, output)
		})
	list.Flags().StringVarP(&output, "output", "o", "", "json")
	c.AddCommand(list,
		with(&cobra.Command{Use: "import FILE...", Short: "Put the images of OCI or Docker archives in, ready to run; - is standard input", Args: some("a file")}, importImages),
		with(&cobra.Command{Use: "rm REF...", Short: "Remove images by name, or by digest with all their names", Args: some("an image")}, removeImages),
	)
	return c
}

// some demands an argument or more.
func some(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return fmt.Errorf("name %s: %s", what, c.UseLine())
		}
		return nil
	}
}

// showHelp is what a command with subcommands does by itself.
func showHelp(c *cobra.Command, _ []string) error { return c.Help() }

// dialImages is the images of the node on a data dir.
func dialImages(d datadir.Dir) (*image.Store, error) {
	conn, err := net.Dial("unix", d.Containerd())
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("no node is running on %s: start one with: taffrail up --data-dir %s", d, d)
	}
	if err != nil {
		return nil, fmt.Errorf("the node on %s: %w", d, err)
	}
	conn.Close()
	return image.Dial(d.Containerd())
}

func importImages(ctx context.Context, images *image.Store, out io.Writer, files []string) error {
	for _, file := range files {
		if err := importImage(ctx, images, out, file); err != nil {
			return err
		}
	}
	return nil
}

func importImage(ctx context.Context, images *image.Store, out io.Writer, file string) error {
	in := os.Stdin
	if file != "-" {
		var err error
		if in, err = os.Open(file); err != nil {
			return err
		}
		defer in.Close()
	}
	names, err := images.Import(ctx, in)
	for _, name := range names {
		fmt.Fprintln(out, "imported", name)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, plainly(err))
	}
	return nil
}

// plainly is an error without the operation, which the command names.
func plainly(err error) error {
	var e *errs.Error
	if errors.As(err, &e) && e.Cause != nil {
		return e.Cause
	}
	return err
}

func removeImages(ctx context.Context, images *image.Store, out io.Writer, refs []string) error {
	for _, ref := range refs {
		whole, err := wholeDigest(ctx, images, ref)
		if err == nil {
			err = images.Remove(ctx, whole)
		}
		if err != nil {
			return plainly(err)
		}
		fmt.Fprintln(out, "removed", ref)
	}
	return nil
}

// digestScheme begins digests, shortDigest is how much of one is shown.
const (
	digestScheme = "sha256:"
	shortDigest  = len(digestScheme) + 12
)

// wholeDigest completes a digest as the list shows it.
func wholeDigest(ctx context.Context, images *image.Store, ref string) (string, error) {
	if !strings.HasPrefix(ref, digestScheme) {
		return ref, nil
	}
	list, err := images.List(ctx)
	if err != nil {
		return "", err
	}
	list = slices.DeleteFunc(list, func(i image.Info) bool { return !strings.HasPrefix(i.Digest, ref) })
	switch len(list) {
	case 0:
		return "", fmt.Errorf("image %q is not present", ref)
	case 1:
		return list[0].Digest, nil
	}
	return "", fmt.Errorf("%q begins the digests of %d images: give more of it", ref, len(list))
}

// imageJSON is an image as `-o json` prints it.
type imageJSON struct {
	Names   []string  `json:"names"`
	Digest  string    `json:"digest"`
	Bytes   int64     `json:"bytes"`
	Created time.Time `json:"created"`
}

// printImages prints a line for each name, in the names' order, or JSON.
func printImages(out io.Writer, list []image.Info, format string) error {
	switch format {
	case "":
	case "json":
		shown := make([]imageJSON, len(list))
		for i, o := range list {
			shown[i] = imageJSON{Names: o.Names, Digest: o.Digest, Bytes: o.Bytes, Created: o.Created.UTC()}
		}
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(shown)
	default:
		return fmt.Errorf("--output %q: want json", format)
	}
	type row struct{ name, digest, size string }
	var rows []row
	for _, o := range list {
		for _, name := range shownNames(o) {
			rows = append(rows, row{name, o.Digest[:min(shortDigest, len(o.Digest))], size(o.Bytes)})
		}
	}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.digest, b.digest))
	})
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "IMAGE\tDIGEST\tSIZE")
	for _, r := range rows {
		fmt.Fprintf(table, "%s\t%s\t%s\n", r.name, r.digest, r.size)
	}
	return table.Flush()
}

// shownNames are an image's tags; without any, the repositories that it is of.
func shownNames(o image.Info) []string {
	var tags, repositories []string
	for _, name := range o.Names {
		if repository, _, isDigest := strings.Cut(name, "@"); isDigest {
			repositories = append(repositories, repository)
		} else {
			tags = append(tags, name)
		}
	}
	if tags == nil {
		return slices.Compact(repositories)
	}
	return tags
}

// size is a number of bytes for people: three digits and a decimal unit.
func size(bytes int64) string {
	n, unit := float64(bytes), 0
	units := []string{"B", "kB", "MB", "GB", "TB"}
	for n >= 999.5 && unit < len(units)-1 {
		n, unit = n/1000, unit+1
	}
	digits := 0
	if unit > 0 && n < 99.95 {
		digits = 1
	}
	return fmt.Sprintf("%.*f %s", digits, n, units[unit])
}
