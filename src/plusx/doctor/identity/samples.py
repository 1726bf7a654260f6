"""Are there enough images to set so many parameters by?"""

from collections.abc import Iterator

from torch import nn

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.patient import Patient

__all__ = ["samples"]

MOST = 20_000
"""Parameters an image, trained from a draw. Published networks on CIFAR-10 have 5 (resnet20) to 730
(wide 28-10), on ImageNet at most 110 (VGG-19): twenty times more than any of them is rare.
"""


def samples(patient: Patient) -> Iterator[Finding]:
    """Hold the parameters that learn against the training images; only of untrained networks."""
    count = patient.material.samples
    if count is None:
        raise NotApplicable("it is not known how many training images there are")
    params = sum(p.numel() for p in patient.model.parameters() if p.requires_grad)
    share = params / count
    many = share > MOST and _untrained(patient.model)
    yield Finding(
        check="identity.samples",
        verdict="warning" if many else "fine",
        title="There are very few images for so many parameters"
        if many
        else "The parameters are not too many for the images",
        figure=f"{share:,.1f} parameters an image ({params:,} that learn, {count:,} images)",
        threshold=f"{MOST:,}; published networks on CIFAR-10 have 5 to 730, trained from a draw",
        cause="too many parameters" if many else "",
        why="a network that is drawn anew needs images to set its weights by" if many else "",
        next="start from trained weights (--weights), or take a smaller network" if many else "",
        weight=1,
    )


def _untrained(model: nn.Module) -> bool:
    """Tell whether no batch norm has seen a batch; a network without any may be trained."""
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    seen = [m.num_batches_tracked for m in norms if m.num_batches_tracked is not None]
    return bool(seen) and all(int(steps) == 0 for steps in seen)
