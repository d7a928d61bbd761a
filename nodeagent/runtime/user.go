package runtime

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/user"
	corev1 "k8s.io/api/core/v1"
)

// identity is who a container's process runs as.
type identity struct {
	uid, gid uint32
	groups   []uint32
}

// accounts are an image's /etc/passwd and /etc/group.
type accounts struct {
	users  []user.User
	groups []user.Group
}

func readAccounts(root string) (accounts, error) {
	var a accounts
	err := within(root, "etc/passwd", func(r io.Reader) (err error) {
		a.users, err = user.ParsePasswd(r)
		return err
	})
	if err != nil {
		return a, err
	}
	err = within(root, "etc/group", func(r io.Reader) (err error) {
		a.groups, err = user.ParseGroup(r)
		return err
	})
	return a, err
}

// within reads a file below root without following links out of it; none is empty.
func within(root, name string, read func(io.Reader) error) error {
	dir, err := os.OpenRoot(root)
	if err != nil {
		return err
	}
	defer dir.Close()
	f, err := dir.Open(filepath.Clean(name))
	if err != nil {
		return nil
	}
	defer f.Close()
	return read(io.LimitReader(f, 8<<20))
}

// identify finds who the process runs as. Errors are those that a pod's container
// shows as CreateContainerConfigError.
func (a accounts) identify(c Container) (identity, error) {
	e := effectiveSecurity(c.Pod, c.Spec)
	name, group, _ := strings.Cut(c.Image.Config.User, ":")
	var id identity
	var login string
	if e.RunAsUser != nil {
		id.uid = uint32(*e.RunAsUser)
		group = ""
	} else if name != "" {
		n, err := strconv.ParseUint(name, 10, 32)
		if err != nil {
			i := slices.IndexFunc(a.users, func(u user.User) bool { return u.Name == name })
			if e.RunAsNonRoot != nil && *e.RunAsNonRoot {
				return id, fmt.Errorf("container has runAsNonRoot and image has non-numeric user (%s), cannot verify user is non-root", name)
			}
			if i < 0 {
				return id, fmt.Errorf("unable to find user %s: no matching entries in passwd file", name)
			}
			n = uint64(a.users[i].Uid)
		}
		id.uid = uint32(n)
	}
	if e.RunAsNonRoot != nil && *e.RunAsNonRoot && id.uid == 0 {
		if e.RunAsUser != nil {
			return id, fmt.Errorf("container's runAsUser breaks non-root policy (pod: %q, container: %s)", c.Pod.Name+"_"+c.Pod.Namespace+"("+string(c.Pod.UID)+")", c.Spec.Name)
		}
		return id, fmt.Errorf("container has runAsNonRoot and image will run as root (pod: %q, container: %s)", c.Pod.Name+"_"+c.Pod.Namespace+"("+string(c.Pod.UID)+")", c.Spec.Name)
	}
	if i := slices.IndexFunc(a.users, func(u user.User) bool { return u.Uid == int(id.uid) }); i >= 0 {
		login, id.gid = a.users[i].Name, uint32(a.users[i].Gid)
	}
	if err := a.primaryGroup(&id, e, group); err != nil {
		return id, err
	}
	a.addGroups(&id, e, login, c.Groups)
	return id, nil
}

func (a accounts) primaryGroup(id *identity, e effective, group string) error {
	if e.RunAsGroup != nil {
		id.gid = uint32(*e.RunAsGroup)
		return nil
	}
	if group == "" {
		return nil
	}
	n, err := strconv.ParseUint(group, 10, 32)
	if err != nil {
		i := slices.IndexFunc(a.groups, func(g user.Group) bool { return g.Name == group })
		if i < 0 {
			return fmt.Errorf("unable to find group %s: no matching entries in group file", group)
		}
		n = uint64(a.groups[i].Gid)
	}
	id.gid = uint32(n)
	return nil
}

func (a accounts) addGroups(id *identity, e effective, login string, more []int64) {
	add := func(g int64) {
		if !slices.Contains(id.groups, uint32(g)) {
			id.groups = append(id.groups, uint32(g))
		}
	}
	add(int64(id.gid))
	if e.policy != corev1.SupplementalGroupsPolicyStrict && login != "" {
		for _, g := range a.groups {
			if slices.Contains(g.List, login) {
				add(int64(g.Gid))
			}
		}
	}
	if e.fsGroup != nil {
		add(*e.fsGroup)
	}
	for _, g := range append(append([]int64(nil), e.groups...), more...) {
		add(g)
	}
}
