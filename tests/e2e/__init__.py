"""What users were promised, on a real Kubernetes; `make e2e` runs it in tests/cluster's."""
