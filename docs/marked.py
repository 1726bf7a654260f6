"""A page's parts that are made by a script stand between two marks."""

import re
from pathlib import Path

__all__ = ["replaced"]


def replaced(text: str, name: str, block: str, *, page: Path) -> str:
    """Put `block` between the two marks of that name."""
    pattern = rf"(<!-- {name}:[^>]*-->\n).*?(<!-- end of {name} -->)"
    assert re.search(pattern, text, flags=re.DOTALL), f"{page.name} has no place for {name}"
    return re.sub(
        pattern, lambda found: f"{found[1]}\n{block}\n\n{found[2]}", text, flags=re.DOTALL
    )
