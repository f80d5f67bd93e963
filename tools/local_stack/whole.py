"""Write a file as a whole: a reader, and a crash, sees the old one or the new one, never a part."""

from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Replace the file; only its owner can read it."""
    draft = path.with_name(f"{path.name}.draft")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(path)
