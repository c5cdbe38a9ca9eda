"""Checks manifests offline, by the rules that the cluster has."""
