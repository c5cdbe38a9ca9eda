"""What a network plugin does about NetworkPolicies, for the one node of the tests' cluster.

It shares no line with the operator's own reading of policies: the two are held against each other.
"""
