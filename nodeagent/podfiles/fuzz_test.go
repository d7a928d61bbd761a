package podfiles

import "testing"

// Any resolv.conf of a host is read.
func FuzzResolvConf(f *testing.F) {
	f.Add("nameserver 10.0.0.1\nsearch a b\noptions ndots:5\n")
	f.Fuzz(func(t *testing.T, text string) {
		r := parse(text)
		for _, s := range r.servers {
			if s == "" {
				t.Errorf("%q has an empty server", text)
			}
		}
	})
}
