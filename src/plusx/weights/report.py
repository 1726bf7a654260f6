"""What loading did: the layout it recognised, what it loaded, what it had to adapt."""

from dataclasses import dataclass

__all__ = ["LoadReport"]


@dataclass(frozen=True)
class LoadReport:
    """The layout that was recognised, the tensors loaded and those adapted, and remarks.

    `loaded` and `adapted` are names of the model's own state dict; what is adapted is either kept
    as it was (a head for other classes) or made by a rule (a stem for other channels), as the notes
    say.
    """

    layout: str
    loaded: tuple[str, ...]
    adapted: tuple[str, ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        """Say it in a line.

        >>> print(LoadReport("cifar", ("stem.conv.weight",), (), ("taken from under 'net'",)))
        layout cifar: 1 tensor loaded; taken from under 'net'
        """
        count = len(self.loaded)
        done = f"layout {self.layout}: {count} tensor{'s' * (count != 1)} loaded"
        return "; ".join((done, *self.notes))
