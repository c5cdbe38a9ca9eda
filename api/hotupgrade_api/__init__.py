"""The types of the HotUpgrade resource and of every message: one source for operator and agent."""
