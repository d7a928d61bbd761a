package bus

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sys/unix"
)

const (
	prefix = "taffrail-"
	// owner is the link in a staging folder that says whose it is.
	owner = "store"
)

// stagingRoom is what a file system in memory must have free to stage batches in: a few of the longest.
const stagingRoom = 128 << 20

// memories are where Linux has files in memory, the best first: /run belongs to root alone.
var memories = []string{"/run", "/dev/shm"}

// staging is a folder in memory in which the embedded server assembles atomic batches.
//
// The server gives each batch a store of its own, commits from it and deletes it. On disk that is three
// folders and as many synced files a batch, which cost ten times the commit. What the store is for
// is a death in the middle of a commit: the next start goes on from it. Memory outlives the
// process; for what it does not outlive, see undoTorn.
type staging struct {
	folder string
	links  []string // from where the server looks, into the folder
}

// stage has the streams on disk stage their batches in memory. Nothing is lost where there is
// none: then the server stages on disk, as it is made to.
func stage(store string) (*staging, error) {
	folder, err := memoryFor(store)
	if folder == "" || err != nil {
		return &staging{}, err
	}
	s := &staging{folder: folder}
	for _, c := range Streams(1) {
		if c.Storage != jetstream.FileStorage {
			continue
		}
		target := filepath.Join(folder, c.Name)
		// The server has gone on from what it needed of what another process left.
		if err := errors.Join(os.RemoveAll(target), os.Mkdir(target, 0o700)); err != nil {
			return s, err
		}
		link := filepath.Join(store, "jetstream", "$G", "streams", c.Name, "batches")
		if err := os.Symlink(target, link); err != nil && !errors.Is(err, fs.ErrExist) {
			return s, err
		}
		s.links = append(s.links, link)
	}
	return s, nil
}

// close removes the folder, unless a batch was left in it to be gone on from.
func (s *staging) close() {
	for _, link := range s.links {
		if target, err := os.Readlink(link); err == nil && os.Remove(target) == nil {
			_ = os.Remove(link)
		}
	}
	if left, err := os.ReadDir(s.folder); err == nil && len(left) == 1 { // the owner's link
		_ = os.RemoveAll(s.folder)
	}
}

// memoryFor is a folder in memory of this user's alone, the same for each start on a store;
// "" if there is none that has room.
func memoryFor(store string) (string, error) {
	absolute, err := filepath.Abs(store)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(absolute))
	for _, memory := range memories {
		var s unix.Statfs_t
		if err := unix.Statfs(memory, &s); err != nil || s.Type != unix.TMPFS_MAGIC || int64(s.Bavail)*s.Bsize < stagingRoom {
			continue
		}
		folder := filepath.Join(memory, prefix+hex.EncodeToString(sum[:6]))
		if err := os.Mkdir(folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			continue
		}
		if !ours(folder) {
			continue
		}
		if err := os.Symlink(absolute, filepath.Join(folder, owner)); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", err
		}
		sweep(memory)
		return folder, nil
	}
	return "", nil
}

// sweep removes the folders of stores that are no more, which were killed and then deleted.
func sweep(memory string) {
	folders, _ := filepath.Glob(filepath.Join(memory, prefix+"*"))
	for _, folder := range folders {
		store, err := os.Readlink(filepath.Join(folder, owner))
		if err != nil || !ours(folder) {
			continue
		}
		if _, err := os.Stat(store); errors.Is(err, fs.ErrNotExist) {
			_ = os.RemoveAll(folder)
		}
	}
}

// ours says whether it is a folder that no other user can reach, nor has put there.
func ours(folder string) bool {
	info, err := os.Lstat(folder)
	if err != nil || !info.IsDir() || info.Mode().Perm() != 0o700 {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}
