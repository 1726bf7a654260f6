"""Are some labels wrong? Where the cheap model is surest, and the label says otherwise.

Northcutt et al. 2021, "Confident learning", section 3, with predictions that leave the image out.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.images.study import Study, study
from plusx.doctor.patient import Patient

__all__ = ["noise"]

CHECK = "images.noise"
SUREST = 0.2  # of the images are asked: there a clean set's own confusions are rare
FEW, MANY = 0.04, 0.10  # share of them that the label contradicts; clean: digits 0, fashion 0.3%
HARD, UNIFORM = 0.25, 0.33
"""Mean rank of the label among the other classes: 0.5 of wrong ones; of hard images (CIFAR-10) 0.25
where the model was fitted to 2,000, 0.33 where to 300."""
RANKS = 0.32  # deviation of a single rank, of wrong labels and of hard images
MARGIN, MARGIN_WRONG = 2.0, 3.0  # deviations of the mean rank above that of hard images
CONFUSED, LOST = 0.25, 0.40
"""Shares of the surest that are contradicted where the images are hard, and where the model knows
too little: 1,000 to 2,000 of CIFAR-10's clean images have 0.28 to 0.41, 256 to 512 have 0.37 to
0.61. Fashion-MNIST with a fifth of wrong labels has 0.10 to 0.33."""
FLAT, SURE_FLAT = 0.55, 0.75
"""Share among the surest over that among all, where two or three classes have no ranks: pairs of
CIFAR-10's classes have 0 to 0.41 where they are clean (cats and dogs 0.67, and 0.40 of all), pairs
of any set 0.3 to 0.9 with a fifth of wrong labels."""
UNLEARNED = 0.7
"""Share of all that is contradicted, over what naming the commonest class gets wrong: beyond it two
classes are too hard to tell."""
LEARNED = 5.0  # deviations above chance


@dataclass(frozen=True)
class _Doubt:
    share: float  # of the surest predictions that the label contradicts
    deviation: float
    rank: float  # mean rank of those labels' scores among the other classes, 0 first to 1 last
    above: float  # deviations by which it lies above that of hard images
    unlearned: float  # share of all that it contradicts, over what the commonest class leaves
    flat: float  # share, less its deviation, over that of all predictions
    suspects: tuple[int, ...]  # the surest first


def noise(patient: Patient) -> Iterator[Finding]:
    """Count contradicted labels among the surest predictions, and name the first."""
    found = study(patient)
    if found.surprise < LEARNED or (found.num_classes > 3 and found.right < 2 * found.chance):
        raise NotApplicable(
            f"a cheap model tells {found.right:.1%} of the labels: too little to doubt one"
        )
    doubt = _doubt(found)
    sure = doubt.share - 2 * doubt.deviation > FEW / 2 and doubt.share > FEW
    if (ranked := found.num_classes > 3) and doubt.share > LOST:
        raise NotApplicable(
            f"labels contradict {doubt.share:.0%} of a cheap model's surest predictions: the "
            "images are too hard for it to doubt one"
        )
    far = doubt.rank > UNIFORM and doubt.above > MARGIN
    natural = not far if ranked else doubt.flat < FLAT or doubt.unlearned > UNLEARNED
    surely = doubt.above > MARGIN_WRONG if ranked else doubt.flat > SURE_FLAT
    certain = doubt.share > MANY and surely
    if not sure or natural:
        yield Finding(
            check=CHECK,
            verdict="fine",
            title="The labels agree with what other images tell",
            figure=_figure(found, doubt),
            threshold=_threshold(found),
        )
        return
    yield Finding(
        check=CHECK,
        verdict="wrong" if certain else "warning",
        title=f"{_about(found, doubt)} of the labels look wrong",
        figure=_figure(found, doubt),
        threshold=_threshold(found),
        place=found.source.where,
        cause="label noise",
        why="images that look like many of one class carry labels of any other",
        next=f"look at these first: {_named(found, doubt)}",
        weight=3,
    )


def _threshold(found: Study) -> str:
    kind = (
        f"the label's mean rank among the other classes (wrong labels 0.5) lies {MARGIN:g} "
        f"deviations above that of hard images, {HARD:g} to {UNIFORM:g}, or {MARGIN_WRONG:g}"
        if found.num_classes > 3
        else f"the surest are contradicted {FLAT:g} times as often as all, or more (clean pairs of "
        "classes: below 0.41)"
    )
    return (
        f"{FEW:.0%} a warning, {MANY:.0%} wrong (clean sets: digits 0%, Fashion-MNIST 0.3%), where "
        f"{kind}"
    )


def _figure(found: Study, doubt: _Doubt) -> str:
    count = int(SUREST * len(found.labels))
    rank = (
        f", with a mean rank of {doubt.rank:.2f}, {doubt.above:+.1f} deviations from hard images'"
        if doubt.share and found.num_classes > 3
        else ""
    )
    return f"{doubt.share:.1%} of the {count} surest predictions contradict the label{rank}"


def _about(found: Study, doubt: _Doubt) -> str:
    """Say how many: of a hard set's contradictions, only those that its rank does not explain."""
    most = doubt.share
    part = (doubt.rank - HARD) / (0.5 - HARD) if found.num_classes > 3 else 1.0
    least = most * min(1.0, max(0.0, part))
    return f"About {most:.0%}" if least > 0.75 * most else f"Between {least:.0%} and {most:.0%}"


def _doubt(found: Study) -> _Doubt:
    scores = found.cheap.left_out(found.labels)
    first = scores.topk(2, dim=1).values
    order = (first[:, 0] - first[:, 1]).argsort(descending=True)
    rank = _ranks(scores, found.labels)
    surest = order[: int(SUREST * len(order))]
    wrong = surest[rank[surest] > 0]
    share, overall = len(wrong) / len(surest), float((rank > 0).float().mean())
    deviation = (share * (1 - share) / len(surest)) ** 0.5
    others = max(1, found.num_classes - 2)
    mean_rank = float((rank[wrong] - 1).float().mean()) / others if len(wrong) else 0.0
    natural = UNIFORM if share > CONFUSED else HARD
    return _Doubt(
        share=share,
        deviation=deviation,
        rank=mean_rank,
        above=(mean_rank - natural) * len(wrong) ** 0.5 / RANKS,
        unlearned=overall / max(1e-9, 1 - _commonest(found)),
        flat=(share - deviation) / max(overall, 1e-9),
        suspects=tuple(wrong.tolist()),
    )


def _commonest(found: Study) -> float:
    return float(torch.bincount(found.labels).max()) / len(found.labels)


def _ranks(scores: Tensor, labels: Tensor) -> Tensor:
    """Return how many classes have a higher score than the label's, (N,)."""
    return (scores > scores.gather(1, labels[:, None])).sum(1)


def _named(found: Study, doubt: _Doubt) -> str:
    guesses = found.cheap.left_out(found.labels).argmax(1)
    first = torch.tensor(doubt.suspects[:5])
    words = [
        f"{found.source.name(int(found.picks[at]))} (label {int(found.labels[at])}, looks like "
        f"{int(guesses[at])})"
        for at in first
    ]
    return ", ".join(words)
