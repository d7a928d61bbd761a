#!/usr/bin/env bash
# The demo: a Deployment, its Services, an update, a rollback, a replaced pod, and
# the history of it all. $1 is the cluster's data directory. Ends with 1 if anything did not hold.
set -euo pipefail
cd "$(dirname "$0")"
bin=${TAFFRAIL_BIN:-$(cd ../../bin && pwd)}
data=$1
registry=127.0.0.1:5443
work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT

taffrail() { "$bin/taffrail" "$@" --data-dir "$data"; }
kubectl() { "$bin/taffrail" kubectl --kubeconfig "$data/kubeconfig" "$@"; }
say() { printf '\n\033[1m# %s\033[0m\n' "$*"; }
show() { printf '$ %s\n' "$*"; "$@"; }

say "images of two versions, served by a registry on loopback"
for version in 1 2; do
	(cd .. && CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$version" -o "$work/web-$version" ./demo/web)
done
(cd .. && go build -buildvcs=false -o "$work/registry" ./demo/registry)
"$work/registry" -listen "$registry" "web:1=$work/web-1" "web:2=$work/web-2" >"$work/registry.log" 2>&1 &
pids+=($!)
until grep -q serving "$work/registry.log"; do kill -0 "${pids[0]}" || { cat "$work/registry.log"; exit 1; }; read -rt 0.1 <> <(:) || true; done
cat "$work/registry.log"

say "a Deployment of three, a ConfigMap, two Services"
show kubectl apply -f manifests
show kubectl rollout status deployment/web --timeout=120s
show kubectl get pods,svc -o wide

vip=$(kubectl get svc web -o jsonpath='{.spec.clusterIP}')
port=$(kubectl get svc web-node -o jsonpath='{.spec.ports[0].nodePort}')
node=$(kubectl get nodes -o jsonpath='{.items[0].status.addresses[?(@.type=="InternalIP")].address}')
say "answers by virtual IP, by node port, and by name from a pod"
show "$work/web-1" get "http://$vip/"
show "$work/web-1" get "http://$node:$port/"
show kubectl exec deployment/web -- /web get http://web.default.svc.cluster.local/

say "an update and a rollback, under load"
"$work/web-1" load "http://$vip/" >"$work/load.log" 2>&1 &
load=$!
pids+=("$load")
show kubectl set image deployment/web "web=$registry/web:2"
show kubectl rollout status deployment/web --timeout=120s
show "$work/web-1" get "http://$vip/"
show kubectl rollout undo deployment/web
show kubectl rollout status deployment/web --timeout=120s
kill -INT "$load"
if ! wait "$load"; then cat "$work/load.log"; echo "requests failed during the rollout"; exit 1; fi
cat "$work/load.log"

say "a deleted pod is replaced"
# one that is not ending already
staying=$(kubectl get pods -l app=web -o go-template='{{range .items}}{{if not .metadata.deletionTimestamp}}{{.metadata.name}} {{end}}{{end}}')
show kubectl delete pod "${staying%% *}"
show kubectl wait --for=condition=Available deployment/web --timeout=60s
show kubectl rollout status deployment/web --timeout=60s
show kubectl get pods -l app=web

say "what happened, and who did it"
show taffrail log deployment/web
