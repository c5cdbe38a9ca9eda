{{/* The operator's settings; hotupgrade_operator/settings.py reads them. */}}
{{- define "hotupgrade.environment" -}}
- name: HOTUPGRADE_OPERATOR_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
- name: HOTUPGRADE_OPERATOR_POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: HOTUPGRADE_OPERATOR_POD_LABELS
  value: {{ include "hotupgrade.selector" . | replace ": " "=" | replace "\n" "," }}
- name: HOTUPGRADE_OPERATOR_AGENT_IMAGE
  value: {{ include "hotupgrade.image" (dict "root" . "image" .Values.image.agent) }}
- name: HOTUPGRADE_OPERATOR_AGENT_PULL_POLICY
  value: {{ .Values.image.pullPolicy }}
- name: HOTUPGRADE_OPERATOR_AGENT_PULL_SECRETS
  value: {{ join "," .Values.agent.imagePullSecrets | quote }}
- name: HOTUPGRADE_OPERATOR_AGENT_RESOURCES
  value: {{ .Values.agent.resources | toJson | quote }}
- name: HOTUPGRADE_OPERATOR_AGENT_PORT
  value: {{ .Values.agent.port | quote }}
- name: HOTUPGRADE_OPERATOR_AGENT_METRICS_PORT
  value: {{ .Values.agent.metricsPort | quote }}
- name: HOTUPGRADE_OPERATOR_STORE_LIMIT_BYTES
  value: {{ .Values.agent.storeLimitBytes | int64 | quote }}
- name: HOTUPGRADE_OPERATOR_PROMETHEUS_ALLOWED
  value: {{ join "," .Values.analysis.prometheus.allowedHosts | quote }}
- name: HOTUPGRADE_OPERATOR_ISTIO
  value: {{ .Values.istio.enabled | quote }}
- name: HOTUPGRADE_OPERATOR_WEBHOOK_PORT
  value: "9443"
- name: HOTUPGRADE_OPERATOR_METRICS_PORT
  value: "9442"
- name: HOTUPGRADE_OPERATOR_SECRET_NAME
  value: {{ include "hotupgrade.secret" . }}
- name: HOTUPGRADE_OPERATOR_LEASE_NAME
  value: {{ include "hotupgrade.operator" . }}
- name: HOTUPGRADE_OPERATOR_WEBHOOK_SERVICE
  value: {{ include "hotupgrade.operator" . }}
- name: HOTUPGRADE_OPERATOR_WEBHOOK_CONFIGURATION
  value: {{ include "hotupgrade.fullname" . }}
{{- end }}
