package connect

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

const defaultKubeletPort = 10250

// node is a node's kubelet API.
type node struct {
	name string
	// address is its IP and port.
	address string
}

// url is a URL of the node's API. Its host is the node's name, which is what its certificate is
// checked for; the address to dial goes by the context.
func (k *node) url(path string, query url.Values) *url.URL {
	_, port, _ := net.SplitHostPort(k.address)
	return &url.URL{Scheme: "https", Host: net.JoinHostPort(k.name, port), Path: path, RawQuery: query.Encode()}
}

type addressKey struct{}

func (k *node) context(ctx context.Context) context.Context {
	return context.WithValue(ctx, addressKey{}, k.address)
}

func (n *Connector) dialNode(ctx context.Context, network, address string) (net.Conn, error) {
	if known, ok := ctx.Value(addressKey{}).(string); ok {
		address = known
	}
	return n.config.Dial(ctx, network, address)
}

// findNode reads where a node's kubelet API is.
func findNode(objects kind.Reader, name string) (*node, error) {
	have, ok := objects.Get(subject.Nodes, "", name)
	if !ok {
		return nil, apierrors.NewInternalError(fmt.Errorf("node %q is not known", name))
	}
	return nodeOf(have)
}

func nodeOf(obj kind.Object) (*node, error) {
	n, ok := obj.(*corev1.Node)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("unexpected %T", obj))
	}
	port := int(n.Status.DaemonEndpoints.KubeletEndpoint.Port)
	if port == 0 {
		port = defaultKubeletPort
	}
	for _, wanted := range []corev1.NodeAddressType{corev1.NodeInternalIP, corev1.NodeExternalIP, corev1.NodeHostName} {
		for _, a := range n.Status.Addresses {
			if a.Type == wanted {
				return &node{name: n.Name, address: net.JoinHostPort(a.Address, strconv.Itoa(port))}, nil
			}
		}
	}
	return nil, apierrors.NewInternalError(fmt.Errorf("node %q has no address", n.Name))
}
