package webhook

import (
	"net"
	"net/url"
	"strconv"

	registrationv1 "k8s.io/api/admissionregistration/v1"
)

// target is where a webhook is called, and what vouches for its certificate.
type target struct {
	url *url.URL
	// service is set where the URL's host is a service's: it is reached at its endpoints.
	service *registrationv1.ServiceReference
	bundle  string
	// fault is why there is no target.
	fault error
}

func newTarget(c *registrationv1.WebhookClientConfig) target {
	t := target{bundle: string(c.CABundle)}
	if c.Service == nil {
		text := ""
		if c.URL != nil {
			text = *c.URL
		}
		t.url, t.fault = url.Parse(text)
		return t
	}
	port := int32(443)
	if c.Service.Port != nil {
		port = *c.Service.Port
	}
	host := c.Service.Name + "." + c.Service.Namespace + ".svc"
	t.url = &url.URL{Scheme: "https", Host: net.JoinHostPort(host, strconv.Itoa(int(port)))}
	if c.Service.Path != nil {
		t.url.Path = *c.Service.Path
	}
	t.service = &registrationv1.ServiceReference{Namespace: c.Service.Namespace, Name: c.Service.Name, Port: &port}
	return t
}

// client names the connections that targets share.
type client struct {
	address, bundle string
}

func (t *target) client() client {
	if t.fault != nil {
		return client{}
	}
	return client{t.url.Host, t.bundle}
}
