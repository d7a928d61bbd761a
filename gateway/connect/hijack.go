package connect

import "net/http"

// hijacker is the writer below w that its connection can be taken from, or w.
func hijacker(w http.ResponseWriter) http.ResponseWriter {
	for below := w; ; {
		if _, ok := below.(http.Hijacker); ok {
			return below
		}
		wrapper, ok := below.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		below = wrapper.Unwrap()
	}
}
