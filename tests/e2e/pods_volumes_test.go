package e2e

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Environments are of values, objects and the pod; what lacks an object says so, and starts when it is there.
func TestPodEnvironment(t *testing.T) {
	t.Parallel()
	ns := pods(t, "pods-env.yaml")
	await(t, ns, "told", "{.status.phase}", "Succeeded")
	text := "\n" + shared.Must(t, "logs", "-n", ns, "told")
	node := field(t, ns, "told", "{.spec.nodeName}")
	for _, want := range []string{
		"PLAIN=value", "COLOR=red", "level=high", "KEY_user=admin", "KEY_password=s3cret", "COMPOSED=value-admin-$(UNKNOWN)-$(PLAIN)", "FROM_MAP=high", "FROM_SECRET=s3cret",
		"POD=told", "NS=" + ns, "POD_UID=" + field(t, ns, "told", "{.metadata.uid}"), "TIER=back", "BUILD=42", "NODE=" + node, "ACCOUNT=default",
		"POD_IP=10.42.", "HOST_IP=192.0.2.10", "CPU_LIMIT=2", "CPU_REQUEST=100", "MEMORY_LIMIT=67108864", "HOSTNAME=told", "VERSION=1", "KUBERNETES_SERVICE_HOST=10.",
		"args red $(COLOR)-$(MISSING)", `labels: app="told"` + "\n" + `tier="back"`, "deep/name: told", "memory: 64", "cpu: 100", "440 labels", "400 deep/name",
	} {
		contains(t, text, "\n"+want)
	}
	contains(t, text, `example.com/build="42"`)
	for _, name := range []string{"NO_KEY", "NO_SECRET"} {
		if strings.Contains(text, "\n"+name+"=") {
			t.Errorf("%s is set", name)
		}
	}
	await(t, ns, "lacks-map", "{.status.containerStatuses[0].state.waiting.reason}", "CreateContainerConfigError")
	equal(t, "the reason", field(t, ns, "lacks-map", "{.status.containerStatuses[0].state.waiting.message}"), `configmap "later" not found`)
	await(t, ns, "lacks-key", "{.status.containerStatuses[0].state.waiting.reason}", "CreateContainerConfigError")
	contains(t, shared.Must(t, "get", "-n", ns, "pod", "lacks-key"), " CreateContainerConfigError ")
	contains(t, shared.Must(t, "describe", "-n", ns, "pod/lacks-key"), "Warning  Failed", "Error: couldn't find key absent in Secret "+ns+"/keys")
	shared.Must(t, "create", "configmap", "-n", ns, "later", "--from-literal=LATE=yes")
	ready(t, ns, "lacks-map")
	contains(t, shell(t, ns, "lacks-map", "env"), "LATE=yes")
}

// Volumes have the modes and owners that were asked for, and follow their objects all at once.
func TestPodVolumes(t *testing.T) {
	t.Parallel()
	ns := pods(t, "pods-volumes.yaml")
	ready(t, ns, "files")
	in := func(command string) string { t.Helper(); return shell(t, ns, "files", command) }
	equal(t, "who it is", in("id -u; id -g; id -G | tr ' ' '\\n' | sort -n | tr '\\n' ' '"), "1000\n1000\n1000 3000")
	equal(t, "the folders", in("stat -c '%a %g' /disk /memory; echo x > /disk/x && stat -c '%u %g' /disk/x"), "2777 3000\n2777 3000\n1000 3000")
	equal(t, "parts of the folder", in("echo a > /sub/a; echo b > /own/b; cat /disk/one/two/a /disk/pods/files/b; (echo c > /read/c) 2>/dev/null || echo refused"), "a\nb\nrefused")
	equal(t, "the memory", in("df -m /memory | awk 'END{print $1, $2}'; dd if=/dev/zero of=/memory/big bs=1M count=9 2>&1 | grep -c 'No space'"), "tmpfs 8\n1")
	equal(t, "the config's files", in("cd /config; cat left right; od -An -tx1 raw; stat -Lc '%a %g' left; (echo x > left) 2>/dev/null || echo refused"), "oneone 00 01 02\n640 3000\nrefused")
	equal(t, "the secret's", in("cat /secret/deep/er/token; stat -Lc ' %a' /secret/deep/er/token; ls /secret; df /secret | awk 'END{print $1}'; ls /maybe | wc -l"), "hush 440\ndeep\ntmpfs\n0")
	equal(t, "the projected", in("cd /all/from; cat map; echo; cat secret; echo; cat labels; echo; cut -d. -f2 token | tr '_-' '/+' | base64 -d 2>/dev/null | grep -o vault; stat -Lc '%a %u %g' token map"), "one\nunseen\napp=\"files\"\nvault\n640 1000 3000\n444 0 3000")
	equal(t, "one file of a volume", in("cat /etc/left.conf"), "one")

	shared.Must(t, "patch", "-n", ns, "configmap", "config", "-p", `{"data":{"left":"two","right":"two"}}`)
	// Every look at the folder shows the files of one moment.
	equal(t, "looks until the change", in(`for i in $(seq 1 3000); do
  d=$(readlink /config/..data); both=$(cat /config/$d/left /config/$d/right 2>/dev/null)
  case "$both" in oneone|'') ;; twotwo) echo changed; break;; *) echo torn "$both";; esac
  usleep 10000
done`), "changed")
	shared.Eventually(t, 10*time.Second, "two", "exec", "-n", ns, "files", "--", "cat", "/all/from/map")
	equal(t, "a mount of one file", in("cat /etc/left.conf"), "one")
	shared.Must(t, "label", "-n", ns, "pod/files", "later=yes")
	shared.Eventually(t, 10*time.Second, `later="yes"`, "exec", "-n", ns, "files", "--", "cat", "/all/from/labels")
}

// The host's files are shown if they are of the kind that was asked for.
func TestPodHostPaths(t *testing.T) {
	t.Parallel()
	host := t.TempDir()
	if err := os.Mkdir(filepath.Join(host, "dir"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(host, "file"), []byte("of the host"), 0o644); err != nil {
		t.Fatal(err)
	}
	socket, err := net.Listen("unix", filepath.Join(host, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	ns := pods(t, "pods-host-paths.yaml", "HOST", host)
	ready(t, ns, "host")
	equal(t, "what is there", shell(t, ns, "host", "cat /file /unset/out; (echo x > /file) 2>/dev/null || echo refused; test -S /socket && test -c /device && test -d /made-dir && echo all"), "of the hostwritten\nrefused\nall")
	for file, want := range map[string]string{"dir/out": "written\n", "made-file": "made\n"} {
		if text, err := os.ReadFile(filepath.Join(host, file)); err != nil || string(text) != want {
			t.Errorf("%s of the host is %q %v", file, text, err)
		}
	}
	shared.Eventually(t, 10*time.Second, "hostPath type check failed: "+host+"/dir is not a file", "describe", "-n", ns, "pod/wrong")
	contains(t, shared.Must(t, "get", "-n", ns, "pod", "wrong"), "0/1 ", " ContainerCreating ")
	shared.Eventually(t, 10*time.Second, `MountVolume.SetUp failed for volume "config" : configmap "later" not found`, "describe", "-n", ns, "pod/waits")
	shared.Must(t, "create", "configmap", "-n", ns, "later", "--from-literal=a=b")
	ready(t, ns, "waits")
	equal(t, "what came later", shell(t, ns, "waits", "cat /config/a"), "b")
}

// Who has more on the disk than its limits allow is evicted, soon whatever its grace.
func TestPodStorage(t *testing.T) {
	t.Parallel()
	ns := pods(t, "pods-storage.yaml")
	await(t, ns, "cache", "{.status.phase}", "Failed")
	equal(t, "why", field(t, ns, "cache", "{.status.reason}: {.status.message}"), `Evicted: Usage of EmptyDir volume "cache" exceeds the limit "1Mi".`)
	await(t, ns, "own-files", "{.status.phase}", "Failed")
	equal(t, "why", field(t, ns, "own-files", "{.status.reason}: {.status.message}"), "Evicted: Pod ephemeral local storage usage exceeds the total limit of containers 2Mi.")
	contains(t, shared.Must(t, "describe", "-n", ns, "pod/own-files"), "Warning  Evicted", "Pod ephemeral local storage usage exceeds the total limit of containers 2Mi.")
	equal(t, "the phase of one within its limit", field(t, ns, "modest", "{.status.phase}"), "Running")
}

// A pod's token opens the API to it, by the API's name, and to what its account may.
func TestPodAccount(t *testing.T) {
	t.Parallel()
	if err := workload(); err != nil {
		t.Fatal(err)
	}
	ns := pods(t, "pods-account.yaml")
	ready(t, ns, "asks")
	ask := func(path string) string {
		t.Helper()
		return shared.Must(t, "exec", "-n", ns, "asks", "--", "workload", "-ask", path)
	}
	contains(t, ask("/api/v1/namespaces/"+ns+"/pods"), "200 OK", `"PodList"`, `"asks"`)
	contains(t, ask("/api/v1/namespaces/"+ns+"/secrets"), "403 Forbidden", `User \"system:serviceaccount:`+ns+`:reader\" cannot list resource \"secrets\"`)
	equal(t, "the rest of the account", shell(t, ns, "asks", "cd /var/run/secrets/kubernetes.io/serviceaccount; cat namespace; ls"), ns+"ca.crt\nnamespace\ntoken")
	token := shell(t, ns, "asks", "cat /var/run/secrets/kubernetes.io/serviceaccount/token")
	server := shared.Must(t, "config", "view", "-o", "jsonpath={.clusters[0].cluster.server}")
	contains(t, shared.Must(t, "--kubeconfig=/dev/null", "--insecure-skip-tls-verify", "--server="+server, "--token="+token, "auth", "whoami", "-o", "yaml"),
		"username: system:serviceaccount:"+ns+":reader", "authentication.kubernetes.io/pod-name", "- asks")
	await(t, ns, "nobody", "{.status.phase}", "Failed")
	contains(t, shared.Must(t, "logs", "-n", ns, "nobody"), "No such file or directory")
}
