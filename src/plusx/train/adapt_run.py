"""From a run and a new domain's images to an adapted model folder: what `plusx adapt` does."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch

from plusx.analysis.evaluation import Evaluation
from plusx.data import Data, InputSpec
from plusx.errors import InputError
from plusx.files import write_text, written_folder
from plusx.saving import write_model
from plusx.train.adapt import Method, adapt, check_method, measure
from plusx.train.coral import Coral
from plusx.train.folder import RunFolder
from plusx.train.predict import Classifier
from plusx.train.setup import Reporter
from plusx.train.target import Target, labelled_source, open_target
from plusx.zoo import Network

__all__ = ["Adapted", "adapt_run"]


@dataclass(frozen=True, eq=False)
class Adapted:
    """An adapted network, and how it did before and after on labelled images of the new domain.

    `before` and `after` are None where there were no labels to measure by.
    """

    network: Network
    input: InputSpec
    method: Method
    count: int
    before: Evaluation | None
    after: Evaluation | None

    @property
    def gain(self) -> float | None:
        """Accuracy after less accuracy before."""
        if self.before is None or self.after is None:
            return None
        return self.after.accuracy - self.before.accuracy

    def lines(self) -> list[str]:
        """Say what was done, and the accuracies with their 95% intervals."""
        how = {
            "statistics": "batch norms have the statistics of",
            "coral": "features were aligned with those of",
        }[self.method]
        said = [f"Adapted by {self.method}: {how} {self.count:,} images, no label of them was read"]
        if self.before is None or self.after is None:
            return [*said, "No labels of the new images: nothing to measure"]
        for word, found in (("before", self.before), ("after", self.after)):
            low, high = found.interval
            said.append(
                f"accuracy {word:6} {found.accuracy:.2%} (95% interval {low:.2%} to {high:.2%}; "
                f"{found.count:,} other images, whose labels served for this alone)"
            )
        return said


def adapt_run(
    run: Path,
    data: str | Path,
    *,
    reporter: Reporter,
    method: Method = "statistics",
    source: str | Path | None = None,
    epochs: int | None = None,
    out: Path | None = None,
    seed: int = 0,
) -> tuple[Path, Adapted]:
    """Adapt the network of a run or model folder to the images of `data`; write a model folder.

    `source` is the labelled data for coral: by default that of the run. `out` is by default the
    first of RUN-adapted, RUN-adapted-2, ... that is free. Returns the folder, which `plusx predict`
    opens, and what came of it. Raises `InputError` for whatever cannot be adapted, and writes
    nothing then.
    """
    check_method(method)
    for name, given in (("source", source), ("epochs", epochs)):
        if given is not None and method != "coral":
            raise InputError(f"{name} is for coral; {method} takes one pass over the new images")
    folder = _free(run) if out is None else out
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} exists and is not empty; give another --out")
    classifier = Classifier.open(run)
    network, spec = classifier.network.to(_device()), classifier.input
    trained_on, split_seed = _origin(run, seed)
    # the run's own splits: else its training images could be among those that are measured on
    target = open_target(data, spec, seed=split_seed, progress=reporter.progress)
    labelled = None
    if method == "coral":
        labelled = _source(run, source or trained_on, spec, split_seed, reporter)
    for note in target.notes:
        reporter.say(note)
    before = _measured(network, target, spec, reporter)
    made = adapt(
        network,
        target.images,
        spec,
        method=method,
        source=None if labelled is None else labelled.train,
        coral=Coral(seed=seed) if epochs is None else Coral(seed=seed, epochs=epochs),
        seed=seed,
        progress=reporter.progress,
        workers=max(target.workers, 0 if labelled is None else labelled.workers),
    )
    after = _measured(made, target, spec, reporter)
    adapted = Adapted(made.cpu(), spec, method, len(target.images), before, after)
    _write(folder, adapted, {"run": str(run), "data": str(data), "seed": seed})
    return folder, adapted


def _origin(run: Path, seed: int) -> tuple[str | None, int]:
    """Return data and seed of a run folder; of a model folder nobody knows them."""
    if not (run / "model").is_dir():
        return None, seed
    config = RunFolder(run).read_config()
    return config.data, config.seed


def _source(
    run: Path, source: str | Path | None, spec: InputSpec, seed: int, reporter: Reporter
) -> Data:
    if source is None:
        raise InputError(
            "coral needs the labelled images that the network was trained on, which the model "
            f"folder {run} does not name; give them with --source"
        )
    data = labelled_source(source, spec, seed=seed, progress=reporter.progress)
    reporter.say(f"Source {data.name}: {len(data.train):,} labelled training images")
    return data


def _measured(
    network: Network, target: Target, spec: InputSpec, reporter: Reporter
) -> Evaluation | None:
    if target.test is None:
        return None
    return measure(network, target.test, spec, progress=reporter.progress, workers=target.workers)


def _write(folder: Path, adapted: Adapted, origin: dict[str, object]) -> None:
    """Write what `plusx.load` and `plusx predict` read, and adaptation.json: how it was made."""
    figures = {
        word: None if found is None else {"accuracy": found.accuracy, "interval": found.interval}
        for word, found in (("before", adapted.before), ("after", adapted.after))
    }
    story = {**origin, "method": adapted.method, "images": adapted.count, **figures}
    with written_folder(folder) as new:
        write_model(adapted.network, new)
        write_text(new / "input.json", adapted.input.to_json())
        write_text(new / "adaptation.json", json.dumps(story, indent=2) + "\n")


def _free(run: Path) -> Path:
    """Return RUN-adapted beside the run, or the first of -2, -3, ... that is free."""
    place = run if run.name not in ("", "..") else run.resolve()
    if place.name == "model" and (place.parent / "config.json").is_file():
        place = place.parent  # nothing but the run itself writes into its folder
    number = 1
    while (path := place.with_name(f"{place.name}-adapted" + f"-{number}" * (number > 1))).exists():
        number += 1
    return path


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
