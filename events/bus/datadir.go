package bus

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"taffrail.dev/events/errs"
)

// format is the version of the data dir's content.
const format = "taffrail-journal 1"

// acquire locks a file for the life of the process.
func acquire(path string) (*os.File, error) {
	const op = "lock data dir"
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, errs.E(op, errs.Unavailable, err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, errs.F(op, errs.AlreadyExists, "another instance has the journal open (%s is locked)", path)
		}
		return nil, errs.E(op, errs.Unavailable, err)
	}
	return f, nil
}

// checkVersion refuses a data dir of another format, and marks a new one.
func checkVersion(path string) error {
	const op = "check data dir"
	found, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return writeFile(path, []byte(format+"\n"))
	case err != nil:
		return errs.E(op, errs.Unavailable, err)
	case strings.TrimSpace(string(found)) != format:
		return errs.F(op, errs.Invalid, "%s says %q, but this program reads %q: use the program that wrote it, or another data dir",
			path, strings.TrimSpace(string(found)), format)
	}
	return nil
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// writeFile replaces a file so that a crash leaves the old or the new one.
func writeFile(path string, data []byte) error {
	const op = "write file of the bus"
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return errs.E(op, errs.Unavailable, err)
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return errs.E(op, errs.Unavailable, err)
	}
	return nil
}
