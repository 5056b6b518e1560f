"""``python -m tessera_verify``."""

import sys

from . import main

sys.exit(main())
