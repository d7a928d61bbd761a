package access

import (
	"fmt"

	"github.com/go-jose/go-jose/v4/jwt"

	"taffrail.dev/events/subject"
)

// current says whether a token with a good signature is good now: in its time, and all that it
// is bound to still there.
func (t *Tokens) current(c *claims) error {
	if err := c.ValidateWithLeeway(jwt.Expected{Time: t.now()}, 0); err != nil {
		return err
	}
	p := &c.Private
	if err := t.exists(subject.ServiceAccounts, p.Namespace, &p.ServiceAccount); err != nil {
		return err
	}
	if p.Pod != nil {
		if err := t.exists(subject.Pods, p.Namespace, p.Pod); err != nil {
			return err
		}
	}
	if p.Secret != nil {
		if err := t.exists(subject.Secrets, p.Namespace, p.Secret); err != nil {
			return err
		}
	}
	// A pod's token names its node too, and does not depend on it: the pod does.
	if p.Node != nil && p.Pod == nil {
		return t.exists(subject.Nodes, "", p.Node)
	}
	return nil
}

func (t *Tokens) exists(r subject.Resource, namespace string, b *bound) error {
	have, ok := t.objects.Get(r, namespace, b.Name)
	if !ok {
		return fmt.Errorf("%s %q has been deleted", r.Name, b.Name)
	}
	if string(have.GetUID()) != b.UID {
		return fmt.Errorf("%s %q has UID %s, the token is for %s", r.Name, b.Name, have.GetUID(), b.UID)
	}
	// A deleted pod may shut down in peace; Kubernetes allows the same minute after its grace.
	if ends := have.GetDeletionTimestamp(); ends != nil && t.now().After(ends.Add(deletionLeeway)) {
		return fmt.Errorf("%s %q is being deleted", r.Name, b.Name)
	}
	return nil
}
