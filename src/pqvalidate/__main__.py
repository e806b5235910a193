"""``python -m pqvalidate`` is the command ``pqvalidate``."""

import sys

from pqvalidate.cli import main

sys.exit(main())
