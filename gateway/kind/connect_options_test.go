package kind_test

import (
	"encoding/json"
	"net/http/httptest"
	"testing"
)

func TestConnectOptions(t *testing.T) {
	t.Parallel()
	const pod = "/api/v1/namespaces/proxy/pods/web/"
	for _, c := range []struct{ resource, sub, url, want string }{
		{"pods", "exec", pod + "exec?command=sh&command=-c&stdin=true&tty=0&container=a", `{"kind":"PodExecOptions","apiVersion":"v1","stdin":true,"container":"a","command":["sh","-c"]}`},
		{"pods", "attach", pod + "attach?stdout", `{"kind":"PodAttachOptions","apiVersion":"v1","stdout":true}`},
		{"pods", "portforward", pod + "portforward?ports=80,81&ports=x", `{"kind":"PodPortForwardOptions","apiVersion":"v1","ports":[80,81]}`},
		{"pods", "proxy", pod + "proxy/a/proxy/b", `{"kind":"PodProxyOptions","apiVersion":"v1","path":"/a/proxy/b"}`},
		{"services", "proxy", "/api/v1/namespaces/s/services/web:80/proxy", `{"kind":"ServiceProxyOptions","apiVersion":"v1"}`},
		{"nodes", "proxy", "/api/v1/nodes/n1/proxy/metrics", `{"kind":"NodeProxyOptions","apiVersion":"v1","path":"/metrics"}`},
	} {
		for _, s := range kindOf(t, c.resource).Subresources {
			if s.Name != c.sub {
				continue
			}
			got, err := json.Marshal(s.Options(httptest.NewRequest("POST", c.url, nil)))
			if err != nil || string(got) != c.want {
				t.Errorf("%s\n got: %s %v\nwant: %s", c.url, got, err, c.want)
			}
		}
	}
}
