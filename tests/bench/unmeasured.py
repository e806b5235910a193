"""The honest harness of tests/harness as one without a clock, or with one that lies: ``unmeasured.py FRAMING VENDOR``.

The environment variable PQV_HABIT chooses: ``boasts`` says that a call takes 5 ns, ``forgets`` leaves a time out.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from tests.harness.programs.honest import Harness


class Unmeasured(Harness):
    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        habit = os.environ.get("PQV_HABIT")
        reply: dict[str, Any] = super().answer(request)
        if request["op"] == "hello" and not habit:
            del reply["ok"]["measure"]
        if request["op"] == "measure" and habit == "boasts":
            return {"ok": {"ns": [5] * request["rounds"]}}
        if request["op"] == "measure" and habit == "forgets":
            reply["ok"]["ns"].pop()
        return reply


if __name__ == "__main__":
    Unmeasured(sys.argv[1], sys.argv[2], batch=False).serve()
