// Package processtest runs a service's scenarios: text files of what happens and,
// after each step, what the service decided.
//
// A scenario is a list of steps. A step is a directive, its body, a line ----, and what
// came of it up to the next empty line. Lines before a step that begin with # are comments.
//
//	# A replica set makes its pods.
//	apply
//	apiVersion: apps/v1
//	kind: ReplicaSet
//	metadata: {name: web, namespace: default}
//	spec: {replicas: 1}
//	----
//	1 replicasets.apps/default/web CREATED woke replicasets.apps/default/web
//
//	turn
//	----
//	replicasets.apps/default/web
//	  create pods/default/web-* "1 of 1 missing"
//	    {"metadata":{"generateName":"web-", …}}
//	2 pods/default/web-1 CREATED woke replicasets.apps/default/web
//
// The directives:
//
//	apply               create or replace the objects of the body (YAML documents); status and all
//	patch OBJECT        merge the body (YAML) into an object; status and all
//	delete OBJECT...    objects go at once: "pods/default/web", "replicasets.apps/default/web", "nodes/a"
//	turn [dry]          every woken key is decided once, and its commands carried out (dry: only printed)
//	settle [N]          turns until no key is woken, N at most (20)
//	advance DURATION    time passes; keys whose Plan.After is over are woken
//	fail KIND VERB RESOURCE [N]   the next N (1) such commands fail: "fail Conflict update pods/status"; RESOURCE may be *
//	restart             a new controller folds the objects that exist; every key it names is woken
//	get OBJECT          the object as YAML
//	objects [RESOURCE]  the names of the objects
//
// Commands are carried out as the gateway would, in the small: sequences, uids,
// generated names (web- makes web-1, web-2), generation, status and scale subresources, bindings,
// merge and strategic patches, preconditions, finalizers and the grace of bound pods. There is
// no defaulting and no validation: write objects as they are after defaulting.
//
// A test is
//
//	func TestScenarios(t *testing.T) {
//		processtest.Run(t, "testdata/*.txt", processtest.Suite{
//			New: func() *process.Controller { return replicaset.New() },
//			Kinds: []processtest.Kind{
//				processtest.KindOf[corev1.Pod](subject.Pods, "v1", "Pod"),
//				processtest.KindOf[appsv1.ReplicaSet](subject.ReplicaSets, "apps/v1", "ReplicaSet"),
//			},
//		})
//	}
//
// and go test -update rewrites what came of each step.
package processtest
