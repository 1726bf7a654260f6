"""The classes of a network by name and number."""

from plusx.errors import InputError, nearest

__all__ = ["class_names", "class_number"]


def class_names(names: tuple[str, ...], count: int) -> tuple[str, ...]:
    """Return the names of the classes; of a network whose classes nobody named, their numbers."""
    return names if len(names) == count else tuple(f"class {place}" for place in range(count))


def class_number(target: str | int, classes: tuple[str, ...]) -> int:
    """Return the number of a class given by its name or number; a name goes before a number."""
    if isinstance(target, str) and target in classes:
        return classes.index(target)
    try:
        number = int(target)
    except ValueError:
        number = -1
    if not 0 <= number < len(classes):
        raise InputError(
            f"there is no class {target!r}{nearest(str(target), classes)}; expected one of "
            f"{', '.join(classes[:6])}{', ...' if len(classes) > 6 else ''} or its number, 0 to "
            f"{len(classes) - 1}"
        )
    return number
