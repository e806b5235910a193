"""The verbs around keys and roles: keygen, trust, timestamp, and how a signing key is named on the command line."""
