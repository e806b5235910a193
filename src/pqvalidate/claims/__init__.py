"""Claims on digital autonomy and the supply chain: who states what, on what evidence, and what a tool could validate.

A claim has one of four statuses. Nothing is inferred: what was not handed in is ``not-provided``, and a claim that a
tool could validate stays ``declared`` until its evidence is given and holds.
"""

from __future__ import annotations
