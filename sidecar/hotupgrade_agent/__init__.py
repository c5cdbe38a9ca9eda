"""The agent: brings an artifact into its pod safely, drives one upgrade of one pod, and reports."""
