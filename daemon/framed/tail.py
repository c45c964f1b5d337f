"""The end of a log file, as bytes. Blocking; a file that is not there is an empty one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from frame_extractor.contract.regular import reading

_BLOCK_BYTES: Final = 1 << 16


def start_of_last_lines(path: Path, n_lines: int) -> int:
    """Offset of the first byte of the last `n_lines` lines; 0 when there are fewer. Raises OSError.

    A last line without its newline counts as one.
    """
    try:
        with reading(path) as file:
            end = file.seek(0, os.SEEK_END)
            if n_lines <= 0:
                return end
            wanted, position, is_last_byte = n_lines, end, True
            while position > 0:
                begin = max(0, position - _BLOCK_BYTES)
                file.seek(begin)
                block = file.read(position - begin)
                at = len(block)
                if is_last_byte and block.endswith(b"\n"):
                    at -= 1
                is_last_byte = False
                while (at := block.rfind(b"\n", 0, at)) >= 0:
                    wanted -= 1
                    if wanted == 0:
                        return begin + at + 1
                position = begin
    except FileNotFoundError:
        pass
    return 0


def read_on(path: Path, offset: int, most_bytes: int) -> tuple[bytes, int]:
    """What follows `offset`, and the size of the file: nothing beyond its end. Raises OSError."""
    try:
        with reading(path) as file:
            size_bytes = file.seek(0, os.SEEK_END)
            # Beyond what the file system can address, seeking itself fails.
            file.seek(min(offset, size_bytes))
            return file.read(most_bytes), size_bytes
    except FileNotFoundError:
        return b"", 0
