"""The operator: decides which pod runs which revision, and when."""
