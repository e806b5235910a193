"""Policy profiles: whether tested facts meet the rules of a government, an agency or a buyer, on a date.

Judging needs records only: no implementation runs, and a profile is read, never executed.
"""

from __future__ import annotations
