"""One training run's settings: data, network, machine, and a recipe with what is changed of it."""

from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar, get_type_hints

from plusx.errors import InputError
from plusx.train.recipe import Recipe
from plusx.train.recipes import recipe_named

__all__ = ["TrainConfig"]

T = TypeVar("T", bound=Recipe)


def _open(cls: type[T]) -> type[T]:
    """Let every setting of the recipe be None, "as the recipe says", which is the default."""
    hints = get_type_hints(Recipe)
    for name in Recipe.settings():
        cls.__annotations__[name] = hints[name] | None
        setattr(cls, name, None)
    return cls


@dataclass(frozen=True, kw_only=True)
@_open
class TrainConfig(Recipe):
    """The settings of a run. None means "as the recipe says" or "chosen to suit the data".

    Before a run begins, every None that means something is resolved, and the result is saved with
    the run.
    """

    data: str
    """A folder, a file, or one of digits, fashion-mnist, cifar10, cifar100."""
    model: str | None = None
    """A network of `plusx models`; resnet20 for small images, resnet18 for photographs."""
    options: dict[str, str | int | float] = field(default_factory=dict)
    """Other parts of the network, as in --options.stem small; `plusx info NAME` lists them."""
    recipe: str | None = None
    """quick (up to 100,000 small images), usual, he2015-cifar, he2015-imagenet, wide-resnet,
    densenet, rsb-a2, rsb-a3, fine-tune or small-data."""
    small_data: bool = False
    """Change what parameters ask for that outnumber the images, and say why. By itself the recipe
    small-data; beside another its changes win over that recipe's settings."""
    size: int | None = None
    """Side of the network's input in pixels."""
    flip: bool | None = None
    """Mirror images at random."""
    seed: int = 0
    """Of split, initialisation, order and augmentation."""
    precision: Literal["32", "bf16", "fp16"] | None = None
    """bf16 (mixed) where the device computes it faster, else 32."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    workers: int | None = None
    """Processes that decode images which do not fit in memory."""
    in_memory: bool | None = None
    """Keep decoded images in memory; by itself where they fit into a quarter of what is free."""
    weights: str | None = None
    """Weights to start from: a file, a run folder, or hub:OWNER/NAME."""
    tune: Literal["head", "all", "gradual", "layerwise"] | None = None
    """What learns: all (by itself), the head, more and more from the head down (gradual), or all
    at rates that fall with depth (layerwise)."""
    norms: Literal["apart", "together"] = "apart"
    """Batch norms of several processes: each over its own images, or over all."""
    shard: bool = False
    """Split every parameter, with its gradient and the optimizer's state, over the processes."""
    stages: int = 1
    """Cut the network along its units into so many stages, a process each."""
    recompute: Literal["none", "auto", "all"] = "none"
    """Units whose activations are computed twice to save memory; auto: as the budget needs."""
    memory_budget: float | None = None
    """Gigabytes for activations under `--recompute auto`; by itself half of what is free."""
    compile: Literal["auto", "never", "always"] = "auto"
    """torch.compile; auto: when the run is long enough to pay for it."""
    views: Literal["plain", "mirrored"] = "plain"
    """mirrored: test also with each image and its mirror image averaged, reported apart."""
    fast: bool = False
    """Give up that a run repeats to the bit, where that costs speed."""
    track: str = ""
    """Also send the curves to: wandb, mlflow, or both with a comma."""
    on_full_disk: Literal["stop", "go-on"] = "stop"
    """What a run does when it cannot save."""

    def __post_init__(self) -> None:
        """Refuse numbers outside their range, naming the option."""
        super().__post_init__()
        for name, least, expected in (
            ("size", 1, "1 or more pixels"),
            ("workers", 0, "0 or more"),
            ("stages", 1, "1 or more"),
            ("memory_budget", 0, "0 or more gigabytes"),
        ):
            value = getattr(self, name)
            if value is not None and value < least:
                raise InputError(f"{name} is {value}; expected {expected}")

    def following(self, recipe: str) -> "TrainConfig":
        """Fill every setting that is None with what the recipe of that name says."""
        said = recipe_named(recipe)
        names = [name for name in Recipe.settings() if getattr(self, name) is None]
        return replace(self, recipe=recipe, **{name: getattr(said, name) for name in names})
