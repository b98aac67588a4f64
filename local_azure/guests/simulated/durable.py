"""Files that a killed process leaves whole: either the old content or the new, never half.

Refuses everything but whole-file replacement.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def write_atomically(file: Path, data: bytes, mode: int = 0o644) -> None:
    """Replace a file's content; on return it is on the disk.

    Args:
        file: target; its folder is made when missing.
        data: whole content.
        mode: permission bits.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    scratch = file.with_name(f".{file.name}.new")
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
    with os.fdopen(handle, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    scratch.replace(file)


def save_json(file: Path, document: Any) -> None:
    """Replace a file by a JSON document."""
    write_atomically(file, json.dumps(document, indent=1).encode())


def load_json(file: Path, default: Any) -> Any:
    """The document of a file, or `default` when there is no file."""
    try:
        return json.loads(file.read_bytes())
    except FileNotFoundError:
        return default
