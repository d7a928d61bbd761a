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
	// lock is the folder, locked: as long as it is, nobody sweeps it up.
	lock  *os.File
	links []string // from where the server looks, into the folder
}

// stage has the streams on disk stage their batches in memory. Nothing is lost where there is
// none: then the server stages on disk, as it is made to.
func stage(store string) (*staging, error) {
	s, err := memoryFor(store)
	if s.folder == "" || err != nil {
		return s, err
	}
	for _, c := range Streams(1) {
		if c.Storage != jetstream.FileStorage {
			continue
		}
		target := filepath.Join(s.folder, c.Name)
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
	if s.lock != nil {
		s.lock.Close()
	}
}

// mend makes a stream's folder again if somebody cleaned it away: without it no batch can be staged.
func (s *staging) mend(stream string) {
	if s.folder == "" {
		return
	}
	target := filepath.Join(s.folder, stream)
	if _, err := os.Stat(target); errors.Is(err, fs.ErrNotExist) {
		_ = os.MkdirAll(target, 0o700) // what is wrong shows in the next batch
	}
}

// memoryFor is a folder in memory of this user's alone, locked, the same for each start on a store; none if there
// is no memory that has room.
func memoryFor(store string) (*staging, error) {
	absolute, err := filepath.Abs(store)
	if err != nil {
		return &staging{}, err
	}
	sum := sha256.Sum256([]byte(absolute))
	for _, memory := range memories {
		var s unix.Statfs_t
		if err := unix.Statfs(memory, &s); err != nil || s.Type != unix.TMPFS_MAGIC || int64(s.Bavail)*s.Bsize < stagingRoom {
			continue
		}
		folder := filepath.Join(memory, prefix+hex.EncodeToString(sum[:6]))
		lock := take(folder)
		if lock == nil {
			continue
		}
		if err := os.Symlink(absolute, filepath.Join(folder, owner)); err != nil && !errors.Is(err, fs.ErrExist) {
			lock.Close()
			return &staging{}, err
		}
		sweep(memory)
		return &staging{folder: folder, lock: lock}, nil
	}
	return &staging{}, nil
}

// take makes a folder and locks it; nil if it cannot be had.
func take(folder string) *os.File {
	for range 3 { // one that was being swept up is made again
		if err := os.Mkdir(folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil
		}
		if lock := locked(folder, unix.LOCK_EX); lock != nil {
			return lock
		}
	}
	return nil
}

// locked opens and locks a folder of ours; nil if that fails, or it is not there any more once it is locked.
func locked(folder string, how int) *os.File {
	if !ours(folder) {
		return nil
	}
	lock, err := os.Open(folder)
	if err != nil {
		return nil
	}
	if unix.Flock(int(lock.Fd()), how) == nil {
		is, errIs := lock.Stat()
		now, errNow := os.Lstat(folder)
		if errIs == nil && errNow == nil && os.SameFile(is, now) {
			return lock
		}
	}
	lock.Close()
	return nil
}

// sweep removes the folders of stores that are no more, which were killed and then deleted. A store that only
// its own process can see, on mounts of its own, is locked while that runs.
func sweep(memory string) {
	folders, _ := filepath.Glob(filepath.Join(memory, prefix+"*"))
	for _, folder := range folders {
		store, err := os.Readlink(filepath.Join(folder, owner))
		if err != nil {
			continue
		}
		if _, err := os.Stat(store); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if lock := locked(folder, unix.LOCK_EX|unix.LOCK_NB); lock != nil {
			_ = os.RemoveAll(folder)
			lock.Close()
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
