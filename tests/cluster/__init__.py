"""A real Kubernetes node on one machine, from modules and Debian packages alone: README.md."""
