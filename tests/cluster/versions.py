"""What the cluster is made of. kubebox/go.mod pins Kubernetes and etcd, tests/go_tools.py helm."""

CONTAINERD = "v2.4.2"
DEBIAN_SUITE = "bookworm"
PYTHON = "3.11"  # of that suite: what runs the agent and the operator in their images
NGINX = "1.22.1"  # of that suite
