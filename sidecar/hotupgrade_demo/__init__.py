"""The demo: the real operator, agents, launchers and servers on one machine without Kubernetes."""
