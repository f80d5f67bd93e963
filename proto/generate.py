"""Generates the Python code of the contracts in this folder, next to the code that uses it.

``python proto/generate.py`` writes it, ``python proto/generate.py --check`` fails if what is
committed is not what it would write. The generated files are committed, so that nobody needs the
compiler to run or to install a service.
"""

import argparse
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

PROTO = Path(__file__).parent
SHARED = PROTO.parent / "shared"


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing, fail if not current")
    if parser.parse_args().check:
        sys.exit(check())
    generate(SHARED)


def generate(target: Path) -> None:
    """Writes the code of every contract below a folder, in the packages that the contracts name."""
    sources = [str(path.relative_to(PROTO)) for path in sorted(PROTO.rglob("*.proto"))]
    options = [f"--{kind}_out={target}" for kind in ("python", "pyi", "grpc_python")]
    well_known = files("grpc_tools") / "_proto"
    if protoc.main(["protoc", f"-I{PROTO}", f"-I{well_known}", *options, *sources]):
        sys.exit("the contracts could not be compiled")


def check() -> str | None:
    """Returns what is wrong with the committed code, or None."""
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        fresh = _contents(Path(folder))
    committed = {path: code for path, code in _contents(SHARED).items() if "_pb2" in path}
    stale = sorted(path for path, code in fresh.items() if committed.get(path) != code)
    orphans = sorted(committed.keys() - fresh.keys())
    if stale or orphans:
        return f"not current: {', '.join([*stale, *orphans])}; run: make proto"
    return None


def _contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8")
        for path in folder.rglob("*.py*")
        if path.suffix in {".py", ".pyi"}
    }


if __name__ == "__main__":
    main()
