"""Reaching an implementation: attaching it, the common interface, and the process that runs it."""
