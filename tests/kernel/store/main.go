// Command store runs a control plane and writes to it, until it is killed: the load of a
// power cut. It first wants everything that was acknowledged to be there.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"taffrail.dev/tests/instance"
)

const writers = 24

func main() {
	var s store
	flag.StringVar(&s.setup.Binary, "binary", "", "the control plane's")
	flag.StringVar(&s.setup.Data, "data", "", "its data dir")
	flag.StringVar(&s.acks, "acks", "", "the file to acknowledge in; it is on a machine that keeps its power")
	check := flag.Bool("check", false, "want what was acknowledged, and end")
	flag.Parse()
	if err := s.run(context.Background(), *check); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// store is a control plane under load.
type store struct {
	setup instance.Setup
	acks  string
}

func (s *store) run(ctx context.Context, check bool) error {
	acked, err := s.acknowledged()
	if err != nil {
		return err
	}
	i, err := s.setup.Start(ctx)
	if err != nil {
		return err
	}
	defer i.Kill()
	if err := verify(ctx, i, acked); err != nil {
		return err
	}
	fmt.Printf("%d acknowledged objects are there, started in %v\n", len(acked), i.Ready)
	if check {
		return nil
	}
	return s.load(ctx, i, len(acked))
}

// acknowledged are the names in the file, none if it is missing. The last line may be cut.
func (s *store) acknowledged() (names []string, err error) {
	file, err := os.Open(s.acks)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	for in := bufio.NewReader(file); ; {
		line, err := in.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return names, nil
		}
		if err != nil {
			return nil, err
		}
		names = append(names, strings.TrimSuffix(line, "\n"))
	}
}

// verify wants the objects to be there, whole.
func verify(ctx context.Context, i *instance.Instance, names []string) error {
	config, err := clientcmd.BuildConfigFromFlags(i.URL, i.Kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	list, err := client.CoreV1().ConfigMaps("default").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	found := make(map[string]string, len(list.Items))
	for _, cm := range list.Items {
		found[cm.Name] = cm.Data["content"]
	}
	var all error
	for _, name := range names {
		if found[name] != content(name) {
			all = errors.Join(all, fmt.Errorf("%s was acknowledged and is %q", name, found[name]))
		}
	}
	return all
}

func content(name string) string { return strings.Repeat(name, 20) }

// load creates objects until one is refused; each is acknowledged, synced, before its writer's next.
func (s *store) load(ctx context.Context, i *instance.Instance, from int) error {
	acks, err := os.OpenFile(s.acks, os.O_CREATE|os.O_WRONLY|os.O_APPEND|os.O_SYNC, 0o644)
	if err != nil {
		return err
	}
	defer acks.Close()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: i.TLS, ForceAttemptHTTP2: true}}
	errs := make([]error, writers)
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for n := 0; errs[w] == nil; n++ {
				name := fmt.Sprintf("from-%d-w%d-%d", from, w, n)
				if errs[w] = create(ctx, client, i.URL, name); errs[w] == nil {
					_, errs[w] = io.WriteString(acks, name+"\n")
				}
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

func create(ctx context.Context, client *http.Client, url, name string) error {
	body := fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":%q},"data":{"content":%q}}`, name, content(name))
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/api/v1/namespaces/default/configmaps", strings.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusCreated {
		err = fmt.Errorf("%s: %d %s", name, response.StatusCode, text)
	}
	return err
}
