package connect

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"taffrail.dev/gateway/kind"
)

// place finds the pod and its node.
func place(r *kind.Request, obj kind.Object) (*corev1.Pod, *node, error) {
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return nil, nil, apierrors.NewBadRequest(fmt.Sprintf("unexpected %T", obj))
	}
	if pod.Spec.NodeName == "" {
		return nil, nil, apierrors.NewBadRequest(fmt.Sprintf("pod %s does not have a host assigned", pod.Name))
	}
	at, err := findNode(r.Reader, pod.Spec.NodeName)
	return pod, at, err
}

// container checks the name of a container, and finds it if there is but one.
func container(pod *corev1.Pod, name string) (string, error) {
	containers, inits, ephemerals := containerNames(pod)
	if name != "" {
		for _, list := range [][]string{containers, inits, ephemerals} {
			for _, have := range list {
				if have == name {
					return name, nil
				}
			}
		}
		return "", apierrors.NewBadRequest(fmt.Sprintf("container %s is not valid for pod %s", name, pod.Name))
	}
	switch len(containers) {
	case 1:
		return containers[0], nil
	case 0:
		return "", apierrors.NewBadRequest("a container name must be specified for pod " + pod.Name)
	}
	text := fmt.Sprintf("a container name must be specified for pod %s, choose one of: %s", pod.Name, containers)
	if len(inits) > 0 {
		text += fmt.Sprintf(" or one of the init containers: %s", inits)
	}
	if len(ephemerals) > 0 {
		text += fmt.Sprintf(" or one of the ephemeral containers: %s", ephemerals)
	}
	return "", apierrors.NewBadRequest(text)
}

func containerNames(pod *corev1.Pod) (containers, inits, ephemerals []string) {
	for i := range pod.Spec.Containers {
		containers = append(containers, pod.Spec.Containers[i].Name)
	}
	for i := range pod.Spec.InitContainers {
		inits = append(inits, pod.Spec.InitContainers[i].Name)
	}
	for i := range pod.Spec.EphemeralContainers {
		ephemerals = append(ephemerals, pod.Spec.EphemeralContainers[i].Name)
	}
	return containers, inits, ephemerals
}

// PodExec runs a command in a container.
func (n *Connector) PodExec(r *kind.Request, obj kind.Object) (http.Handler, error) {
	return n.session("exec", r, obj)
}

// PodAttach joins a container's own process.
func (n *Connector) PodAttach(r *kind.Request, obj kind.Object) (http.Handler, error) {
	return n.session("attach", r, obj)
}

func (n *Connector) session(what string, r *kind.Request, obj kind.Object) (http.Handler, error) {
	pod, at, err := place(r, obj)
	if err != nil {
		return nil, err
	}
	query := r.HTTP.URL.Query()
	name, err := container(pod, query.Get("container"))
	if err != nil {
		return nil, err
	}
	options, err := newSession(query, what == "exec")
	if err != nil {
		return nil, err
	}
	to := at.url("/"+strings.Join([]string{what, pod.Namespace, pod.Name, string(pod.UID), name}, "/"), options.kubelet())
	return n.limited(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if wantsTranslation(req) {
			n.translate(w, req, at, to, options)
			return
		}
		n.forward(w, req, at, to, pod.Name)
	})), nil
}

// PodPortForward carries connections to a pod's ports.
func (n *Connector) PodPortForward(r *kind.Request, obj kind.Object) (http.Handler, error) {
	pod, at, err := place(r, obj)
	if err != nil {
		return nil, err
	}
	ports, err := forwardedPorts(r.HTTP.URL.Query())
	if err != nil {
		return nil, err
	}
	query := url.Values{}
	for _, port := range ports {
		query.Add("port", port)
	}
	to := at.url("/portForward/"+pod.Namespace+"/"+pod.Name+"/"+string(pod.UID), query)
	return n.limited(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if wantsTunnel(req) {
			n.tunnel(w, req, at, to)
			return
		}
		n.forward(w, req, at, to, pod.Name)
	})), nil
}

// PodLog streams a container's log; a pod that is not on a node yet has none.
func (n *Connector) PodLog(r *kind.Request, obj kind.Object) (http.Handler, error) {
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("unexpected %T", obj))
	}
	options, err := logOptions(pod.Name, r.HTTP.URL.Query())
	if err != nil {
		return nil, err
	}
	name, err := container(pod, options.Container)
	if err != nil {
		return nil, err
	}
	if pod.Spec.NodeName == "" {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }), nil
	}
	at, err := findNode(r.Reader, pod.Spec.NodeName)
	if err != nil {
		return nil, err
	}
	to := at.url("/containerLogs/"+pod.Namespace+"/"+pod.Name+"/"+name, kubeletLogQuery(options))
	return n.limited(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { n.forward(w, req, at, to, pod.Name) })), nil
}
