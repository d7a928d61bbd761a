package report

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// host is what does not change while the machine runs.
type host struct {
	os, architecture, kernel, image string
	machineID, systemUUID, bootID   string
	processors                      int64
	memory                          uint64
	disk                            space
}

// space is a file system's, in bytes.
type space struct{ size, free uint64 }

// readHost reads the host's facts; dataDir is on the file system that pods use.
func readHost(dataDir string) (host, error) {
	h := host{
		os: runtime.GOOS, architecture: runtime.GOARCH, processors: int64(runtime.NumCPU()),
		image: osName(), machineID: line("/etc/machine-id"), bootID: line("/proc/sys/kernel/random/boot_id"),
		systemUUID: line("/sys/class/dmi/id/product_uuid"), kernel: line("/proc/sys/kernel/osrelease"),
	}
	if h.systemUUID == "" {
		h.systemUUID = h.machineID
	}
	var err error
	if h.memory, err = meminfo("MemTotal"); err != nil {
		return h, err
	}
	h.disk, err = freeDisk(dataDir)
	return h, err
}

func (h host) capacity(pods int64) corev1.ResourceList {
	return corev1.ResourceList{
		corev1.ResourceCPU:              *resource.NewQuantity(h.processors, resource.DecimalSI),
		corev1.ResourceMemory:           *resource.NewQuantity(int64(h.memory), resource.BinarySI),
		corev1.ResourceEphemeralStorage: *resource.NewQuantity(int64(h.disk.size), resource.BinarySI),
		corev1.ResourcePods:             *resource.NewQuantity(pods, resource.DecimalSI),
	}
}

func (h host) info(runtimeVersion, version string) corev1.NodeSystemInfo {
	return corev1.NodeSystemInfo{
		MachineID: h.machineID, SystemUUID: h.systemUUID, BootID: h.bootID, KernelVersion: h.kernel, OSImage: h.image,
		ContainerRuntimeVersion: runtimeVersion, KubeletVersion: version, OperatingSystem: h.os, Architecture: h.architecture,
	}
}

// line is a file's only line, "" if it cannot be read.
func line(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

func osName() string {
	text, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return runtime.GOOS
	}
	for l := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(l, "PRETTY_NAME="); ok {
			return strings.Trim(strings.TrimSpace(name), `"`)
		}
	}
	return runtime.GOOS
}

// meminfo is a field of /proc/meminfo, in bytes.
func meminfo(field string) (uint64, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if f := strings.Fields(lines.Text()); len(f) > 1 && f[0] == field+":" {
			kib, err := strconv.ParseUint(f[1], 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/meminfo has no %s", field)
}

func availableMemory() (uint64, error) { return meminfo("MemAvailable") }

func freeDisk(dir string) (space, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return space{}, fmt.Errorf("space of %s: %w", dir, err)
	}
	return space{size: s.Blocks * uint64(s.Bsize), free: s.Bavail * uint64(s.Bsize)}, nil
}
