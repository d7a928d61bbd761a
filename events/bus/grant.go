package bus

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"taffrail.dev/events/errs"
)

// grant is a role of another process, by the public half of its key.
type grant struct {
	Role   Role   `json:"role"`
	Public string `json:"public"`
}

func grantsPath(dir string) string { return filepath.Join(dir, "grants.json") }

func loadGrants(dir string) ([]grant, error) {
	data, err := os.ReadFile(grantsPath(dir))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, errs.E("read grants", errs.Unavailable, err)
	}
	var grants []grant
	if err := json.Unmarshal(data, &grants); err != nil {
		return nil, errs.F("read grants", errs.Invalid, "%s: %w", grantsPath(dir), err)
	}
	return grants, nil
}

func readGrants(dir string) ([]*server.NkeyUser, error) {
	grants, err := loadGrants(dir)
	users := make([]*server.NkeyUser, len(grants))
	for i, g := range grants {
		users[i] = &server.NkeyUser{Nkey: g.Public, Permissions: g.Role.permissions()}
	}
	return users, err
}

// Grant lets another process join an embedded bus in a role. It returns the seed to
// put in that process's credentials file; the bus keeps only the public key. A role granted
// again gets another key, and the old one ends.
func (b *Bus) Grant(role Role) (seed []byte, err error) {
	const op = "grant role"
	key, err := nkeys.CreateUser()
	if err != nil {
		return nil, errs.E(op, errs.Internal, err)
	}
	if seed, err = key.Seed(); err != nil {
		return nil, errs.E(op, errs.Internal, err)
	}
	return seed, b.GrantTo(role, seed)
}

// GrantTo lets the holder of a seed, as Grant returned it, go on in a role, with the
// permissions that it has now.
func (b *Bus) GrantTo(role Role, seed []byte) error {
	const op = "grant role"
	if b.embedded == nil {
		return errs.F(op, errs.Invalid, "the bus is remote: its server has its own users")
	}
	key, err := nkeys.FromSeed(bytes.TrimSpace(seed))
	if err != nil {
		return errs.E(op, errs.Invalid, err)
	}
	public, err := key.PublicKey()
	if err != nil {
		return errs.E(op, errs.Internal, err)
	}
	return b.embedded.grant(grant{role, public})
}

func (e *embedded) grant(g grant) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	dir := filepath.Join(e.config.DataDir, "nats")
	grants, err := loadGrants(dir)
	if err != nil {
		return err
	}
	users := e.users[:0:0]
	if slices.ContainsFunc(grants, func(old grant) bool { return reflect.DeepEqual(old, g) }) {
		return nil
	}
	kept, ended := grants[:0:0], map[string]bool{}
	for _, old := range grants {
		if old.Role.Name() == g.Role.Name() {
			ended[old.Public] = true
		} else {
			kept = append(kept, old)
		}
	}
	for _, u := range e.users {
		if !ended[u.Nkey] {
			users = append(users, u)
		}
	}
	data, err := json.MarshalIndent(append(kept, g), "", "  ")
	if err != nil {
		return errs.E("grant role", errs.Internal, err)
	}
	if err := writeFile(grantsPath(dir), data); err != nil {
		return err
	}
	e.users = append(users, &server.NkeyUser{Nkey: g.Public, Permissions: g.Role.permissions()})
	return e.reload()
}
