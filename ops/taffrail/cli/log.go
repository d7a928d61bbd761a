package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"taffrail.dev/gateway/history"
)

type logFlags struct {
	namespace, since, output string
	follow                   bool
	limit                    int
}

func logCommand() *cobra.Command {
	var f logFlags
	var data *string
	c := &cobra.Command{
		Use:   "log [KIND/NAME]",
		Short: "The cluster's history, newest first: who changed what, when and why",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			changes, err := openLog(c.Context(), dir(data).Kubeconfig(), f, args)
			if err != nil {
				return err
			}
			defer changes.Close()
			return printLog(changes, c.OutOrStdout(), c.ErrOrStderr(), f)
		},
	}
	data = dataDirFlag(c)
	c.Flags().StringVarP(&f.namespace, "namespace", "n", "", "namespace of the objects (default: \"default\" for KIND/NAME, else all)")
	c.Flags().BoolVarP(&f.follow, "follow", "f", false, "go on with changes as they come, oldest first")
	c.Flags().StringVar(&f.since, "since", "", "only changes since then: 10m, or an RFC 3339 time")
	c.Flags().StringVarP(&f.output, "output", "o", "", "wide, or json: one object a line")
	c.Flags().IntVar(&f.limit, "limit", 1000, "newest changes to show, 0 for all")
	return c
}

// openLog asks the gateway for the history, one JSON object a line.
func openLog(ctx context.Context, kubeconfig string, f logFlags, args []string) (io.ReadCloser, error) {
	if !slices.Contains([]string{"", "wide", "json"}, f.output) {
		return nil, fmt.Errorf("--output %q: want wide or json", f.output)
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	if !exists(kubeconfig) && rules.ExplicitPath == "" && len(rules.Precedence) > 0 {
		kubeconfig = rules.Precedence[0]
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	address := strings.TrimSuffix(config.Host, "/") + history.Path + "?" + logQuery(f, args).Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		defer response.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(response.Body, 4096))
		return nil, errors.New(strings.TrimSpace(string(text)))
	}
	return response.Body, nil
}

func logQuery(f logFlags, args []string) url.Values {
	q := url.Values{}
	set := func(key, value string) {
		if value != "" {
			q.Set(key, value)
		}
	}
	if len(args) == 1 {
		resource, name, _ := strings.Cut(args[0], "/")
		set("resource", resource)
		set("name", name)
		if name != "" && f.namespace == "" {
			f.namespace = "default"
		}
	}
	set("namespace", f.namespace)
	set("since", f.since)
	if f.follow {
		q.Set("follow", "true")
	}
	return q
}

// printLog prints oldest first when following, else the newest `limit`, newest
// first.
func printLog(changes io.Reader, out, complaints io.Writer, f logFlags) error {
	lines := bufio.NewReader(changes)
	var kept []*history.Change
	left := 0
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		var change history.Change
		if err := json.Unmarshal(line, &change); err != nil {
			return fmt.Errorf("read the history: %w", err)
		}
		if f.follow {
			printChange(out, &change, f.output)
			continue
		}
		if kept = append(kept, &change); f.limit > 0 && len(kept) > 2*f.limit {
			left += len(kept) - f.limit
			kept = slices.Clone(kept[len(kept)-f.limit:])
		}
	}
	if f.limit > 0 && len(kept) > f.limit {
		left += len(kept) - f.limit
		kept = kept[len(kept)-f.limit:]
	}
	for _, change := range slices.Backward(kept) {
		printChange(out, change, f.output)
	}
	if left > 0 {
		fmt.Fprintf(complaints, "%d older changes not shown; --limit 0 shows all\n", left)
	}
	return nil
}
