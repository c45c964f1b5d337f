"""`python -m frame_extractor`, and the `frame-extractor` script. Worker processes import this too: keep it empty."""

from __future__ import annotations

import sys

from frame_extractor.cli import main

if __name__ == "__main__":
    sys.exit(main())
