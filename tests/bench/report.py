"""How benchmarks say what they found."""


def say(what: str, found: str, target: str) -> None:
    """Prints a line of the report."""
    print(f"{what:<44} {found:>14}   (target: {target})", flush=True)
