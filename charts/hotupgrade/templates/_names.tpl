{{/* Names, labels and images: each said once. */}}

{{- define "hotupgrade.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "hotupgrade.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains (include "hotupgrade.name" .) .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "hotupgrade.name" .) | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* The Deployment, its Service and the Lease. */}}
{{- define "hotupgrade.operator" -}}
{{- include "hotupgrade.fullname" . }}-operator
{{- end }}

{{- define "hotupgrade.secret" -}}
{{- include "hotupgrade.fullname" . }}-ca
{{- end }}

{{- define "hotupgrade.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (include "hotupgrade.operator" .) }}
{{- end }}

{{- define "hotupgrade.selector" -}}
app.kubernetes.io/name: {{ include "hotupgrade.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "hotupgrade.labels" -}}
{{ include "hotupgrade.selector" . }}
app.kubernetes.io/part-of: hotupgrade
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* (dict "root" $ "image" .Values.image.operator): the whole reference. */}}
{{- define "hotupgrade.image" -}}
{{- $registry := required "cannot name the images: set image.registry to where you pushed them (deploy/Dockerfile.*)" .root.Values.image.registry }}
{{- if .image.digest }}
{{- printf "%s/%s@%s" $registry .image.repository .image.digest }}
{{- else }}
{{- printf "%s/%s:%s" $registry .image.repository (.image.tag | default .root.Chart.AppVersion) }}
{{- end }}
{{- end }}

{{/* Of the operator's pods. */}}
{{- define "hotupgrade.annotations" -}}
{{- $scrape := dict }}
{{- if .Values.monitoring.scrapeAnnotations }}
{{- $scrape = dict "prometheus.io/scrape" "true" "prometheus.io/port" "9442" "prometheus.io/path" "/metrics" }}
{{- end }}
{{- with merge (dict) .Values.operator.podAnnotations $scrape }}
{{- toYaml . }}
{{- end }}
{{- end }}
