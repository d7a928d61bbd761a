package rest_test

import "k8s.io/client-go/kubernetes"

const space = "default"

func workloads(c *kubernetes.Clientset) map[string]lifeCase {
	return map[string]lifeCase{
		"StatefulSet": {lifeOf(c.AppsV1().StatefulSets(space)), 1, `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web}
spec:
  serviceName: web
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: POD}
  volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]
`, `{"status":{"replicas":2,"readyReplicas":1}}`},
		"DaemonSet": {lifeOf(c.AppsV1().DaemonSets(space)), 1, `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec: {selector: {matchLabels: {app: agent}}, template: {metadata: {labels: {app: agent}}, spec: POD}}
`, `{"status":{"desiredNumberScheduled":3,"numberReady":2}}`},
		"ControllerRevision": {lifeOf(c.AppsV1().ControllerRevisions(space)), 0, `
apiVersion: apps/v1
kind: ControllerRevision
metadata: {name: web-1}
data: {spec: {template: {a: b}}}
revision: 1
`, ""},
		"Job": {lifeOf(c.BatchV1().Jobs(space)), 1, `
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i:1}]}}}
`, `{"status":{"active":1,"ready":1}}`},
		"CronJob": {lifeOf(c.BatchV1().CronJobs(space)), 1, `
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec: {schedule: "0 3 * * *", jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i:1}]}}}}}
`, `{"status":{"lastScheduleTime":"2030-01-01T03:00:00Z"}}`},
		"HorizontalPodAutoscaler": {lifeOf(c.AutoscalingV2().HorizontalPodAutoscalers(space)), 0, `
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, maxReplicas: 3, behavior: {scaleDown: {stabilizationWindowSeconds: 60}}}
`, `{"status":{"currentReplicas":2,"desiredReplicas":3}}`},
	}
}

func coreLives(c *kubernetes.Clientset) map[string]lifeCase {
	return map[string]lifeCase{
		"PersistentVolumeClaim": {lifeOf(c.CoreV1().PersistentVolumeClaims(space)), 0, `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
`, `{"status":{"phase":"Bound","capacity":{"storage":"1Gi"}}}`},
		"PersistentVolume": {lifeOf(c.CoreV1().PersistentVolumes()), 0, `
apiVersion: v1
kind: PersistentVolume
metadata: {name: disk}
spec: {accessModes: [ReadWriteOnce], capacity: {storage: 1Gi}, hostPath: {path: /data}}
`, `{"status":{"phase":"Bound"}}`},
		"ReplicationController": {lifeOf(c.CoreV1().ReplicationControllers(space)), 1, `
apiVersion: v1
kind: ReplicationController
metadata: {name: old}
spec: {selector: {app: old}, template: {metadata: {labels: {app: old}}, spec: POD}}
`, `{"status":{"replicas":1}}`},
		"PodTemplate": {lifeOf(c.CoreV1().PodTemplates(space)), 1, `
apiVersion: v1
kind: PodTemplate
metadata: {name: web}
template: {metadata: {labels: {app: web}}, spec: POD}
`, ""},
		"LimitRange": {lifeOf(c.CoreV1().LimitRanges(space)), 0, `
apiVersion: v1
kind: LimitRange
metadata: {name: limits}
spec: {limits: [{type: Container, max: {cpu: "2"}}]}
`, ""},
		"ResourceQuota": {lifeOf(c.CoreV1().ResourceQuotas(space)), 0, `
apiVersion: v1
kind: ResourceQuota
metadata: {name: quota}
spec: {hard: {pods: "10"}}
`, `{"status":{"hard":{"pods":"10"},"used":{"pods":"3"}}}`},
	}
}

func networkLives(c *kubernetes.Clientset) map[string]lifeCase {
	return map[string]lifeCase{
		"Ingress": {lifeOf(c.NetworkingV1().Ingresses(space)), 1, `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec: {rules: [{host: example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}
`, `{"status":{"loadBalancer":{"ingress":[{"ip":"10.0.0.1"}]}}}`},
		"IngressClass": {lifeOf(c.NetworkingV1().IngressClasses()), 1, `
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: nginx}
spec: {controller: example.com/ingress}
`, ""},
		"NetworkPolicy": {lifeOf(c.NetworkingV1().NetworkPolicies(space)), 1, `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny}
spec: {podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 80}]}]}
`, ""},
	}
}

func storageLives(c *kubernetes.Clientset) map[string]lifeCase {
	return map[string]lifeCase{
		"StorageClass": {lifeOf(c.StorageV1().StorageClasses()), 0, `
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: fast}
provisioner: disk.example.com
`, ""},
		"VolumeAttributesClass": {lifeOf(c.StorageV1().VolumeAttributesClasses()), 0, `
apiVersion: storage.k8s.io/v1
kind: VolumeAttributesClass
metadata: {name: gold}
driverName: disk.example.com
parameters: {iops: "3000"}
`, ""},
		"CSIDriver": {lifeOf(c.StorageV1().CSIDrivers()), 0, `
apiVersion: storage.k8s.io/v1
kind: CSIDriver
metadata: {name: disk.example.com}
spec: {attachRequired: true}
`, ""},
		"CSINode": {lifeOf(c.StorageV1().CSINodes()), 0, `
apiVersion: storage.k8s.io/v1
kind: CSINode
metadata: {name: n1}
spec: {drivers: [{name: disk.example.com, nodeID: n1, topologyKeys: [example.com/zone]}]}
`, ""},
		"CSIStorageCapacity": {lifeOf(c.StorageV1().CSIStorageCapacities(space)), 0, `
apiVersion: storage.k8s.io/v1
kind: CSIStorageCapacity
metadata: {name: zone-a}
storageClassName: fast
capacity: 1Ti
`, ""},
		"VolumeAttachment": {lifeOf(c.StorageV1().VolumeAttachments()), 0, `
apiVersion: storage.k8s.io/v1
kind: VolumeAttachment
metadata: {name: disk-n1}
spec: {attacher: disk.example.com, nodeName: n1, source: {persistentVolumeName: disk}}
`, `{"status":{"attached":true}}`},
	}
}

func clusterLives(c *kubernetes.Clientset) map[string]lifeCase {
	return map[string]lifeCase{
		"RuntimeClass": {lifeOf(c.NodeV1().RuntimeClasses()), 0, `
apiVersion: node.k8s.io/v1
kind: RuntimeClass
metadata: {name: kata}
handler: kata
overhead: {podFixed: {memory: 64Mi}}
`, ""},
		"CertificateSigningRequest": {lifeOf(c.CertificatesV1().CertificateSigningRequests()), 0, `
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {name: jane}
spec:
  signerName: example.com/client
  usages: [client auth]
  request: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlHdk1HTUNBUUF3TURFWE1CVUdBMVVFQXd3T2MzbHpkR1Z0T201dlpHVTZiakV4RlRBVEJnTlZCQW9NREhONQpjM1JsYlRwdWIyUmxjekFxTUFVR0F5dGxjQU1oQUorSHRSZUdPTXd0V0t6aG5HNjBQdmhiWndZQ2VVNlVEVjcxClYzYXFFV2pXb0FBd0JRWURLMlZ3QTBFQVpid3A3WjVTSDg0QU41bTd0OUZGRHQ0TEZEODIvZDc1bGhmUlkxa2YKYjBUbmowUXpoUGlYWFNwLzVPdTdGQ2txbS95VUh1K1BMbmRUMVdabFBIUTlDdz09Ci0tLS0tRU5EIENFUlRJRklDQVRFIFJFUVVFU1QtLS0tLQo=
`, `{"status":{"conditions":[{"type":"Failed","status":"True","reason":"No","message":"no","lastUpdateTime":"2030-01-01T00:00:00Z","lastTransitionTime":"2030-01-01T00:00:00Z"}]}}`},
		"FlowSchema": {lifeOf(c.FlowcontrolV1().FlowSchemas()), 1, `
apiVersion: flowcontrol.apiserver.k8s.io/v1
kind: FlowSchema
metadata: {name: web}
spec: {priorityLevelConfiguration: {name: web}, matchingPrecedence: 500}
`, `{"status":{"conditions":[{"type":"Dangling","status":"True","lastTransitionTime":"2030-01-01T00:00:00Z"}]}}`},
		"PriorityLevelConfiguration": {lifeOf(c.FlowcontrolV1().PriorityLevelConfigurations()), 1, `
apiVersion: flowcontrol.apiserver.k8s.io/v1
kind: PriorityLevelConfiguration
metadata: {name: web}
spec: {type: Limited, limited: {limitResponse: {type: Queue, queuing: {}}}}
`, `{"status":{"conditions":[{"type":"Busy","status":"True","lastTransitionTime":"2030-01-01T00:00:00Z"}]}}`},
	}
}

func deviceLives(c *kubernetes.Clientset) map[string]lifeCase {
	return map[string]lifeCase{
		"DeviceClass": {lifeOf(c.ResourceV1().DeviceClasses()), 1, `
apiVersion: resource.k8s.io/v1
kind: DeviceClass
metadata: {name: gpu}
spec: {selectors: [{cel: {expression: device.driver == "gpu.example.com"}}]}
`, ""},
		"ResourceClaim": {lifeOf(c.ResourceV1().ResourceClaims(space)), 0, `
apiVersion: resource.k8s.io/v1
kind: ResourceClaim
metadata: {name: gpu}
spec: {devices: {requests: [{name: gpu, exactly: {deviceClassName: gpu}}]}}
`, `{"status":{"allocation":{"devices":{"results":[{"request":"gpu","driver":"gpu.example.com","pool":"n1","device":"gpu-0"}]}},"reservedFor":[{"resource":"pods","name":"web","uid":"1"}]}}`},
		"ResourceClaimTemplate": {lifeOf(c.ResourceV1().ResourceClaimTemplates(space)), 0, `
apiVersion: resource.k8s.io/v1
kind: ResourceClaimTemplate
metadata: {name: gpu}
spec: {spec: {devices: {requests: [{name: gpu, exactly: {deviceClassName: gpu}}]}}}
`, ""},
		"ResourceSlice": {lifeOf(c.ResourceV1().ResourceSlices()), 1, `
apiVersion: resource.k8s.io/v1
kind: ResourceSlice
metadata: {name: n1-gpu}
spec:
  driver: gpu.example.com
  nodeName: n1
  pool: {name: n1, generation: 1, resourceSliceCount: 1}
  devices: [{name: gpu-0, attributes: {model: {string: a100}}, taints: [{key: a, effect: NoSchedule}]}]
`, ""},
	}
}
