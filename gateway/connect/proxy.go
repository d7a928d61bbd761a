package connect

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

// SplitName splits the name in a proxy's path: "web", "web:http", "https:web:443", "https:web:".
func SplitName(text string) (scheme, name, port string, ok bool) {
	parts := strings.Split(text, ":")
	switch len(parts) {
	case 1:
		return "http", parts[0], "", parts[0] != ""
	case 2:
		return "http", parts[0], parts[1], parts[0] != ""
	case 3:
		if parts[0] == "" {
			parts[0] = "http"
		}
		return parts[0], parts[1], parts[2], parts[1] != "" && (parts[0] == "http" || parts[0] == "https")
	}
	return "", "", "", false
}

// NodeProxy passes requests on to a node's kubelet API.
func (n *Connector) NodeProxy(r *kind.Request, obj kind.Object) (http.Handler, error) {
	at, err := nodeOf(obj)
	if err != nil {
		return nil, err
	}
	base, below := proxyPath(r)
	to := at.url(below, nil)
	to.RawQuery = r.HTTP.URL.RawQuery
	return n.limited(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		n.pass(w, req.WithContext(at.context(req.Context())), to, n.nodes, relocate(base, to))
	})), nil
}

// PodProxy passes requests on to a pod's port, its first if none is named.
func (n *Connector) PodProxy(r *kind.Request, obj kind.Object) (http.Handler, error) {
	scheme, _, port, ok := SplitName(r.Name)
	pod, isPod := obj.(*corev1.Pod)
	if !ok || !isPod {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("invalid pod request %q", r.Name))
	}
	if pod.Status.PodIP == "" {
		return nil, apierrors.NewBadRequest("address not allowed")
	}
	number, err := podPort(pod, port)
	if err != nil {
		return nil, err
	}
	return n.proxy(r, scheme, net.JoinHostPort(pod.Status.PodIP, number)), nil
}

func podPort(pod *corev1.Pod, port string) (string, error) {
	for i := range pod.Spec.Containers {
		for _, p := range pod.Spec.Containers[i].Ports {
			if port == "" || port == p.Name {
				return strconv.Itoa(int(p.ContainerPort)), nil
			}
		}
	}
	switch _, err := strconv.ParseUint(port, 10, 16); {
	case port == "":
		return "80", nil
	case err != nil:
		return "", apierrors.NewBadRequest(fmt.Sprintf("invalid pod port %q", port))
	}
	return port, nil
}

// ServiceProxy passes requests on to one of a service's ready endpoints.
func (n *Connector) ServiceProxy(r *kind.Request, obj kind.Object) (http.Handler, error) {
	scheme, _, port, ok := SplitName(r.Name)
	service, isService := obj.(*corev1.Service)
	if !ok || !isService {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("invalid service request %q", r.Name))
	}
	name, err := servicePort(service, port)
	if err != nil {
		return nil, err
	}
	addresses := readyEndpoints(r.Reader, service, name)
	if len(addresses) == 0 {
		return nil, apierrors.NewServiceUnavailable(fmt.Sprintf("no endpoints available for service %q", service.Name))
	}
	return n.proxy(r, scheme, addresses[rand.IntN(len(addresses))]), nil
}

// servicePort is the name of the port that a request means.
func servicePort(service *corev1.Service, port string) (string, error) {
	for _, p := range service.Spec.Ports {
		if port == p.Name || port == strconv.Itoa(int(p.Port)) || port == "" && len(service.Spec.Ports) == 1 {
			return p.Name, nil
		}
	}
	return "", apierrors.NewServiceUnavailable(fmt.Sprintf("no service port %q found for service %q", port, service.Name))
}

// ReadyEndpoints are the addresses behind a service's port, as host:port. The error is a Status.
func ReadyEndpoints(objects kind.Reader, namespace, name string, port int32) ([]string, error) {
	obj, _ := objects.Get(subject.Services, namespace, name)
	service, ok := obj.(*corev1.Service)
	if !ok {
		return nil, apierrors.NewNotFound(corev1.Resource("services"), name)
	}
	number := strconv.Itoa(int(port))
	if service.Spec.Type == corev1.ServiceTypeExternalName {
		return []string{net.JoinHostPort(service.Spec.ExternalName, number)}, nil
	}
	named, err := servicePort(service, number)
	if err != nil {
		return nil, err
	}
	addresses := readyEndpoints(objects, service, named)
	if len(addresses) == 0 {
		return nil, apierrors.NewServiceUnavailable(fmt.Sprintf("no endpoints available for service %q", name))
	}
	return addresses, nil
}

func readyEndpoints(objects kind.Reader, service *corev1.Service, port string) []string {
	var addresses []string
	for _, o := range objects.List(subject.EndpointSlices, service.Namespace) {
		slice, ok := o.(*discoveryv1.EndpointSlice)
		if !ok || slice.Labels[discoveryv1.LabelServiceName] != service.Name {
			continue
		}
		for _, p := range slice.Ports {
			if p.Port == nil || (p.Name == nil && port != "") || (p.Name != nil && *p.Name != port) {
				continue
			}
			for _, e := range slice.Endpoints {
				if len(e.Addresses) > 0 && (e.Conditions.Ready == nil || *e.Conditions.Ready) {
					addresses = append(addresses, net.JoinHostPort(e.Addresses[0], strconv.Itoa(int(*p.Port))))
				}
			}
		}
	}
	return addresses
}

// proxy passes requests on to an address on the pods' network.
func (n *Connector) proxy(r *kind.Request, scheme, address string) http.Handler {
	base, below := proxyPath(r)
	to := &url.URL{Scheme: scheme, Host: address, Path: below, RawQuery: r.HTTP.URL.RawQuery}
	return n.limited(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		n.pass(w, req, to, n.pods, relocate(base, to))
	}))
}

// proxyPath splits a request's path at its "/proxy".
func proxyPath(r *kind.Request) (base, below string) {
	path := r.HTTP.URL.Path
	marker := "/" + r.Name + "/proxy"
	at := strings.Index(path, marker)
	if at < 0 {
		return path, "/"
	}
	base, below = path[:at+len(marker)], path[at+len(marker):]
	if below == "" {
		below = "/"
	}
	return base, below
}

// relocate has redirects to the host behind the proxy come back through it.
func relocate(base string, to *url.URL) func(*http.Response) error {
	return func(response *http.Response) error {
		location, err := url.Parse(response.Header.Get("Location"))
		if err != nil || location.Path == "" || location.Host != "" && location.Host != to.Host || !strings.HasPrefix(location.Path, "/") {
			return nil
		}
		location.Scheme, location.Host, location.Path = "", "", base+location.Path
		response.Header.Set("Location", location.String())
		return nil
	}
}
