package rest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/events/errs"
	"taffrail.dev/gateway/view"
)

// listing is the answer to a list.
type listing struct {
	served  *served
	meta    metav1.ListMeta
	entries []*view.Entry
	// encoded are the entries where these are not stored as the kind's; nil if all are.
	encoded [][]byte
	// bytes is the sum of the entries' protobuf sizes.
	bytes int
}

// token is what a continue token says, as Kubernetes writes it.
type token struct {
	APIVersion string `json:"v"`
	// Version of the list that is continued; -1 for as of now.
	Version int64 `json:"rv"`
	// After is the key of the last item seen.
	After string `json:"start"`
}

func (t token) String() string {
	t.APIVersion = "meta.k8s.io/v1"
	text, err := json.Marshal(t)
	if err != nil { // three plain fields
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

func parseToken(text string) (token, error) {
	var t token
	data, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	if err == nil {
		err = json.Unmarshal(data, &t)
	}
	if err != nil || t.APIVersion != "meta.k8s.io/v1" || t.Version == 0 || t.After == "" {
		return t, apierrors.NewBadRequest("continue key is not valid: the token was not given by this server")
	}
	return t, nil
}

// list picks a page of objects as of a version.
func (s *Server) list(ctx context.Context, c *Call, o *metav1.ListOptions) (*listing, error) {
	sel, err := newSelector(c.served, c.Namespace, o.LabelSelector, o.FieldSelector)
	if err != nil {
		return nil, err
	}
	snapshot, after, err := s.asOf(ctx, c, o)
	if err != nil {
		return nil, err
	}
	l := &listing{served: c.served}
	l.meta.ResourceVersion = formatVersion(snapshot.Sequence)
	if sel.name != "" && (sel.namespace != "" || !c.served.Namespaced) {
		if e := snapshot.Get(sel.namespace, sel.name); e != nil && e.Key > after && sel.matches(e) {
			l.add(e)
		}
		return l, nil
	}
	if sel.everything() && sel.namespace == "" {
		size := int64(snapshot.Len())
		if o.Limit > 0 {
			size = min(size, o.Limit)
		}
		l.entries = make([]*view.Entry, 0, size)
	}
	l.fill(sel, snapshot, after, o.Limit)
	return l, nil
}

func (l *listing) add(e *view.Entry) {
	l.entries = append(l.entries, e)
	l.bytes += len(e.Proto())
}

func (l *listing) fill(sel *selector, snapshot view.Snapshot, after string, limit int64) {
	var rest int64
	snapshot.Ascend(sel.namespace, after, func(e *view.Entry) bool {
		switch {
		case limit > 0 && int64(len(l.entries)) == limit:
			if !sel.everything() {
				if !sel.matches(e) {
					return true
				}
				rest++
				return false
			}
			rest++
		case sel.plain && sel.name == "" || sel.matches(e):
			l.add(e)
		}
		return true
	})
	if rest == 0 {
		return
	}
	l.meta.Continue = token{Version: int64(snapshot.Sequence), After: l.entries[len(l.entries)-1].Key}.String()
	if sel.everything() {
		l.meta.RemainingItemCount = &rest
	}
}

// asOf is the snapshot that a list reads, and the key after which it begins.
func (s *Server) asOf(ctx context.Context, c *Call, o *metav1.ListOptions) (view.Snapshot, string, error) {
	if o.Continue != "" {
		return s.continued(ctx, c, o)
	}
	exact := o.ResourceVersionMatch == metav1.ResourceVersionMatchExact ||
		o.ResourceVersionMatch == "" && o.Limit > 0 && o.ResourceVersion != "" && o.ResourceVersion != "0"
	switch {
	case o.ResourceVersionMatch != "" && o.ResourceVersion == "":
		return view.Snapshot{}, "", apierrors.NewBadRequest("resourceVersionMatch is forbidden unless resourceVersion is provided")
	case o.ResourceVersionMatch == metav1.ResourceVersionMatchExact && o.ResourceVersion == "0":
		return view.Snapshot{}, "", apierrors.NewBadRequest("resourceVersionMatch \"Exact\" is forbidden for resourceVersion \"0\"")
	}
	if err := s.atLeast(ctx, c, o.ResourceVersion); err != nil {
		return view.Snapshot{}, "", err
	}
	if !exact {
		return c.table.Snapshot(), "", nil
	}
	version, err := parseVersion(o.ResourceVersion)
	if err != nil {
		return view.Snapshot{}, "", err
	}
	snapshot, err := c.table.At(version)
	if errs.Is(err, errs.Expired) {
		err = apierrors.NewResourceExpired("The resourceVersion for the provided list is too old.")
	}
	return snapshot, "", err
}

func (s *Server) continued(ctx context.Context, c *Call, o *metav1.ListOptions) (view.Snapshot, string, error) {
	if o.ResourceVersion != "" && o.ResourceVersion != "0" || o.ResourceVersionMatch != "" {
		return view.Snapshot{}, "", apierrors.NewBadRequest("specifying resource version is not allowed when using continue")
	}
	t, err := parseToken(o.Continue)
	if err != nil {
		return view.Snapshot{}, "", err
	}
	if t.Version < 0 {
		err := s.cfg.View.Fresh(ctx, c.table)
		return c.table.Snapshot(), t.After, err
	}
	if err := waitFor(ctx, c.table, uint64(t.Version)); err != nil {
		return view.Snapshot{}, "", err
	}
	snapshot, err := c.table.At(uint64(t.Version))
	if errs.Is(err, errs.Expired) {
		t.Version = -1
		gone := apierrors.NewResourceExpired("The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.")
		gone.ErrStatus.ListMeta.Continue = t.String()
		gone.ErrStatus.Code = http.StatusGone
		err = gone
	}
	return snapshot, t.After, err
}

// deleteCollection deletes what a list picks, one by one.
func (s *Server) deleteCollection(ctx context.Context, c *Call, o *metav1.ListOptions) (*Reply, error) {
	l, err := s.list(ctx, c, o)
	if err != nil {
		return nil, err
	}
	if err := s.deleteAll(ctx, c, l.entries); err != nil {
		return nil, err
	}
	return &Reply{Code: http.StatusOK, Status: success(&metav1.StatusDetails{Group: c.served.Group, Kind: c.served.Resource})}, nil
}
