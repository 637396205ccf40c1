{{/* A pool with the defaults. A default that is not empty cannot be made empty by a pool: mergeOverwrite takes empty values for absent ones. */}}
{{- define "moelora.pool" -}}
{{- toYaml (mergeOverwrite (deepCopy .root.Values.poolDefaults) .pool) -}}
{{- end -}}

{{/* silo.yaml of a pool. The program reads it strictly, so every key here is one of its own. */}}
{{- define "moelora.siloConfig" -}}
{{- $root := .root -}}
{{- $pool := .pool -}}
{{- $values := .root.Values -}}
name: "${POD_NAME}"
state: /var/lib/moelora
public:
  {{- if $values.public.tls.secret }}
  urls: ["https://0.0.0.0:{{ $values.public.port }}"]
  tls:
    certificate: /run/moelora/public-tls/tls.crt
    key: /run/moelora/public-tls/tls.key
    {{- if $values.public.tls.clientAuthoritySecret }}
    client_authority: /run/moelora/public-clients/ca.crt
    {{- end }}
  {{- else }}
  urls: ["http://0.0.0.0:{{ $values.public.port }}"]
  {{- end }}
admin:
  {{- if $values.admin.tls.secret }}
  urls: ["https://0.0.0.0:{{ $values.admin.port }}"]
  tls:
    certificate: /run/moelora/admin-tls/tls.crt
    key: /run/moelora/admin-tls/tls.key
  {{- else }}
  urls: ["http://0.0.0.0:{{ $values.admin.port }}"]
  {{- end }}
bases:
  {{- toYaml $pool.bases | nindent 2 }}
{{- with default $values.silo.merging $pool.merging }}
merging:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{ toYaml (omit $values.silo "merging") }}
cluster:
  id: {{ $values.cluster.id | quote }}
  service: {{ $values.cluster.service | quote }}
  {{- if $values.cluster.database.secret }}
  database: "${file:/run/moelora/database/connection}"
  {{- end }}
  {{- if $values.cluster.redis.secret }}
  redis: "${file:/run/moelora/redis/connection}"
  {{- end }}
  clustering: {{ $values.cluster.clustering }}
  storage: {{ $values.cluster.storage }}
  address: "${POD_IP}"
  listen: 0.0.0.0
  silo_port: 11111
  gateway_port: 30000
  failure_detection: {{ $values.cluster.failureDetection }}
  {{- if $values.cluster.tls.enabled }}
  tls:
    certificate: /run/moelora/cluster-tls/tls.crt
    key: /run/moelora/cluster-tls/tls.key
    authority: /run/moelora/cluster-tls/ca.crt
  {{- else }}
  trusted_network: true # silos and clients alone reach the ports of silos: the network policy
  {{- end }}
{{- if $values.cluster.tenants.secret }}
tenants: "${file:/run/moelora/tenants/connection}"
{{- end }}
{{- end -}}
