{{- define "moelora.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "moelora.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if eq .Release.Name (include "moelora.name" .) -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "moelora.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "moelora.selector" -}}
app.kubernetes.io/name: {{ include "moelora.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "moelora.labels" -}}
{{ include "moelora.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: moelora-grid
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "moelora.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "moelora.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* An image of repository, tag and digest. */}}
{{- define "moelora.image" -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository .tag -}}
{{- end -}}
{{- end -}}

{{/* A pool's image. The release's digest is of the release's image alone: a pool that names its own, by repository, tag or digest, has no other digest than its own. */}}
{{- define "moelora.poolImage" -}}
{{- $own := .image -}}
{{- if or $own.repository $own.tag $own.digest -}}
{{- include "moelora.image" (dict "repository" (default .root.Values.image.repository $own.repository) "tag" (default .root.Chart.AppVersion (default .root.Values.image.tag $own.tag)) "digest" $own.digest) -}}
{{- else -}}
{{- include "moelora.siloImage" .root -}}
{{- end -}}
{{- end -}}

{{- define "moelora.siloImage" -}}
{{- include "moelora.image" (dict "repository" .Values.image.repository "tag" (default .Chart.AppVersion .Values.image.tag) "digest" .Values.image.digest) -}}
{{- end -}}

{{- define "moelora.clusterTlsSecret" -}}
{{- if .Values.cluster.tls.certManager.enabled -}}
{{- printf "%s-cluster-tls" (include "moelora.fullname" .) -}}
{{- else -}}
{{- required "cluster.tls.secret: name a secret with tls.crt, tls.key and ca.crt, or enable cluster.tls.certManager." .Values.cluster.tls.secret -}}
{{- end -}}
{{- end -}}

{{- define "moelora.modelsClaim" -}}
{{- if .Values.models.fetch.enabled -}}
{{- printf "%s-models" (include "moelora.fullname" .) -}}
{{- else -}}
{{- required "models.claim: name a PersistentVolumeClaim that holds the base models, or enable models.fetch." .Values.models.claim -}}
{{- end -}}
{{- end -}}

{{/* A file whose name changes with what is fetched: silos wait for it. */}}
{{- define "moelora.fetchMark" -}}
{{- printf "/models/.fetched-%s" (toJson .Values.models.fetch | sha256sum | trunc 12) -}}
{{- end -}}

{{/* Problems of values that a schema cannot say. */}}
{{- define "moelora.check" -}}
{{- if or (eq .Values.cluster.clustering "database") (eq .Values.cluster.storage "database") -}}
{{- $_ := required "cluster.database.secret: name the secret that holds PostgreSQL's connection string; cluster.clustering or cluster.storage is database." .Values.cluster.database.secret -}}
{{- else if not .Values.cluster.tenants.secret -}}
{{- $_ := required "cluster.tenants.secret: tenants and keys need PostgreSQL; name it here or in cluster.database.secret." .Values.cluster.database.secret -}}
{{- end -}}
{{- if or (eq .Values.cluster.clustering "redis") (eq .Values.cluster.storage "redis") -}}
{{- $_ := required "cluster.redis.secret: name the secret that holds Redis's connection string; cluster.clustering or cluster.storage is redis." .Values.cluster.redis.secret -}}
{{- end -}}
{{- if not (or .Values.cluster.tls.enabled .Values.networkPolicy.enabled) -}}
{{- fail "cluster.tls.enabled: without network policies whoever reaches a silo is part of the cluster; enable one of both." -}}
{{- end -}}
{{- if and .Values.monitoring.serviceMonitor.enabled (not .Values.monitoring.serviceMonitor.key.secret) -}}
{{- fail "monitoring.serviceMonitor.key.secret: name the secret that holds an operator's key; /metrics is for nobody else." -}}
{{- end -}}
{{- if and .Values.monitoring.serviceMonitor.enabled .Values.networkPolicy.enabled (not .Values.networkPolicy.admin) -}}
{{- fail "networkPolicy.admin: name Prometheus's pods or namespace; monitoring.serviceMonitor is enabled, and the policy would keep it out." -}}
{{- end -}}
{{- if and (or .Values.silo.oidc .Values.silo.otlp) .Values.networkPolicy.enabled (not .Values.networkPolicy.egress) -}}
{{- fail "networkPolicy.egress: let silos out to the issuer of tokens (silo.oidc) and the collector (silo.otlp); the policy would keep them in." -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.host) -}}
{{- fail "ingress.host: name the host." -}}
{{- end -}}
{{- if and .Values.models.fetch.enabled .Values.models.claim -}}
{{- fail "models: give claim or fetch, not both." -}}
{{- end -}}
{{- end -}}

{{- define "moelora.adminScheme" -}}
{{- if .Values.admin.tls.secret }}HTTPS{{ else }}HTTP{{ end -}}
{{- end -}}

{{- define "moelora.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}
