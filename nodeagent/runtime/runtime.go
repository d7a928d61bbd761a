// Package runtime runs containers. Runtime is the contract; Containerd is the real one
// and Fake one in memory; both pass runtimetest.
//
// A pod's sandbox is not a process: its network and IPC namespaces are held by files that
// they are mounted on, which costs neither memory nor a container start. Only a pod that shares its
// process namespace has a pause process, whose program is a few dozen bytes (see pause.go).
package runtime

import (
	"context"
	"errors"
	"io"
	"time"

	imagespec "github.com/opencontainers/image-spec/specs-go/v1"
	corev1 "k8s.io/api/core/v1"
)

// Runtime runs containers. Its methods are safe for concurrent use; an error of kind
// errs.NotFound means that there is no such container.
type Runtime interface {
	// Version names the runtime as a Node's status does: "containerd://2.4.2".
	Version(ctx context.Context) (string, error)
	// CreateSandbox makes a pod's namespaces, or finds those that exist, and returns them.
	CreateSandbox(ctx context.Context, pod *corev1.Pod) (Sandbox, error)
	// RemoveSandbox ends a pod's namespaces and its cgroup; its containers must have been
	// removed before. A sandbox that does not exist is no error.
	RemoveSandbox(ctx context.Context, podUID string) error
	// Create makes a container and its init process, which waits. One that exists already
	// with the id is an error of kind errs.AlreadyExists; a container that can never be made as it is asked for
	// (a user that isn't in the image) errs.Invalid; a process that cannot begin ErrNotStarted.
	Create(ctx context.Context, c Container) error
	// Start lets a created container's process begin.
	Start(ctx context.Context, id string) error
	// Kill sends a signal to the container's first process; no error if it has ended.
	Kill(ctx context.Context, id string, signal int) error
	// Remove ends and forgets a container, its files included. Repeating it is no error.
	Remove(ctx context.Context, id string) error
	// List is every container there is, of all pods, ended ones included.
	List(ctx context.Context) ([]Info, error)
	// Events calls on, from several goroutines, for each container that ends and whose output is all in its log, until
	// ctx ends or the connection breaks. It calls ready once nothing that happens from then on is missed. The same
	// end may be told twice.
	Events(ctx context.Context, ready func(), on func(Exit)) error
	// Exec runs a command in a running container and returns its exit code.
	Exec(ctx context.Context, id string, e Exec) (int, error)
	// Attach connects to a running container's streams until it or ctx ends.
	Attach(ctx context.Context, id string, s Streams) error
	// Stats are a running container's figures.
	Stats(ctx context.Context, id string) (Stats, error)
}

// ErrNotStarted says that a container was made but what it is told to run cannot begin: a
// program that isn't there, a folder that is a file.
var ErrNotStarted = errors.New("failed to create containerd task")

// Sandbox is what a pod's containers share.
type Sandbox struct {
	// NetNS and IPC are paths of namespaces, "" for the host's.
	NetNS, IPC string
	// PID is the pause process whose process namespace is shared, 0 for none.
	PID int
}

// Image is what a container's files and defaults come from.
type Image struct {
	// Name as asked for, and ID, the digest of its configuration.
	Name, ID string
	// Snapshot is the key of the unpacked file system.
	Snapshot string
	Config   imagespec.ImageConfig
}

// Mount is a host path in a container.
type Mount struct {
	HostPath, ContainerPath string
	ReadOnly                bool
	// Recursive makes the mounts below read-only as well.
	Recursive   bool
	Propagation corev1.MountPropagationMode
}

// Container is what Create makes.
type Container struct {
	ID      string
	Pod     *corev1.Pod
	Spec    *corev1.Container
	Attempt int32
	Image   Image
	Sandbox Sandbox
	// Env is the whole environment from the pod, "NAME=value"; the image's comes before it.
	Env []string
	// Command and Args are expanded.
	Command, Args []string
	Mounts        []Mount
	// Hostname and CgroupParent ("/kubepods/pod<uid>") are the pod's.
	Hostname, CgroupParent string
	OOMScoreAdj            int
	// Groups are added to the process's: the pod's fsGroup.
	Groups []int64
	// LogPath is the file that its output goes to.
	LogPath string
	// Target is the running container whose processes this one sees, "" for none.
	Target string
}

// State is where a container stands.
type State string

// The states.
const (
	Created State = "created"
	Running State = "running"
	Exited  State = "exited"
)

// Info is a container that exists.
type Info struct {
	ID, PodUID, PodNamespace, PodName, Name string
	Attempt                                 int32
	Image, ImageID, LogPath                 string
	State                                   State
	PID                                     int
	StartedAt                               time.Time
	Exit                                    Exit
}

// Exit is a container's end.
type Exit struct {
	ID     string
	Code   int
	Signal int
	// OOM says that the kernel ended a process of it for want of memory.
	OOM bool
	At  time.Time
}

// Exec is a command to run inside a container.
type Exec struct {
	Command []string
	TTY     bool
	Streams
}

// Streams are a client's ends. Nil streams are not connected.
type Streams struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Resize brings the terminal's sizes; it may be nil.
	Resize <-chan Size
}

// Size is a terminal's, in characters.
type Size struct{ Width, Height uint16 }

// Stats are a container's figures at a time.
type Stats struct {
	At time.Time
	// CPUNanos is all processor time used since the start.
	CPUNanos uint64
	// Bytes: in use with and without what can be given back, resident, faults counted.
	MemoryUsage, MemoryWorkingSet, MemoryRSS uint64
	PageFaults, MajorPageFaults              uint64
	Processes                                uint64
	// RootBytes and RootInodes are the writable layer's.
	RootBytes, RootInodes uint64
}
