"""Healthy networks: our bases, our zoo, torchvision's and timm's, drawn and after a few steps."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from defects.bases import BASES, PEERS, taught
from defects.case import Case
from defects.runs import healthy_run
from plusx import create, list_models
from plusx.catalog import family_of
from plusx.doctor import Diagnosis, Material
from plusx.doctor.extent import FAILED

__all__ = ["Healthy", "counted", "panel"]

BATCH = 8
STEPS = 10
LARGE = 96
"""Pixels of images for networks that are meant for larger ones and take any: it goes faster."""
TORCHVISION = (
    *("resnet18", "resnet50", "resnext50_32x4d", "wide_resnet50_2", "regnet_x_400mf"),
    *("regnet_y_400mf", "mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large"),
    *("efficientnet_b0", "efficientnet_v2_s", "convnext_tiny", "densenet121", "vgg11"),
    *("vgg11_bn", "vit_b_32", "swin_t", "shufflenet_v2_x1_0", "mnasnet1_0", "squeezenet1_1"),
    *("googlenet", "alexnet"),
)
TIMM = (
    *("resnet18", "resnet18d", "resnet26t", "resnet50", "seresnet18", "seresnext26t_32x4d"),
    *("resnetv2_50", "ecaresnet26t", "resnetrs50", "skresnet18", "resnest14d", "densenet121"),
    *("cspresnet50", "convnext_atto", "convnextv2_atto", "efficientnet_b0", "tf_efficientnetv2_b0"),
    *("mobilenetv3_small_100", "regnetx_002", "regnety_002", "res2net50_26w_4s", "hrnet_w18_small"),
    *("dla34", "vgg11_bn", "rexnet_100", "ghostnet_100", "repvgg_a0", "nf_resnet26"),
    *("resnet50_gn", "ese_vovnet19b_dw", "vit_tiny_patch16_224", "deit_tiny_patch16_224"),
    *("swin_tiny_patch4_window7_224", "mixer_s32_224", "resmlp_12_224", "poolformer_s12"),
)
FIXED = ("vit_", "swin_tiny", "deit", "mixer", "resmlp")
"""Names of networks that take images of 224 pixels alone."""


@dataclass(frozen=True)
class Healthy:
    """A network that nothing is wrong with; `make` draws it."""

    name: str
    origin: str  # "bases", "zoo", "torchvision" or "timm"
    make: Callable[[], Case]

    @property
    def key(self) -> str:
        return f"{self.origin}: {self.name}"

    def case(self, seed: int = 0) -> Case:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self.make()


def panel(*, with_peers: bool) -> Iterator[Healthy]:
    """List all, each drawn and after a few steps."""
    for name, make in BASES.items():
        yield from _twice("bases", name, make, taught)
    yield Healthy("a run of resnet8", "bases", healthy_run)
    for name in list_models():
        yield from _twice("zoo", name, partial(of_zoo, name), stepped)
    if with_peers:
        for name, make in PEERS.items():
            yield from _twice("bases", name, make, taught)
        for origin, names in (("torchvision", TORCHVISION), ("timm", TIMM)):
            for name in names:
                yield from _twice(origin, name, partial(of_peer, origin, name), stepped)


def _twice(
    origin: str, name: str, make: Callable[[], Case], teach: Callable[[Case], Case]
) -> Iterator[Healthy]:
    yield Healthy(name, origin, make)
    yield Healthy(f"{name}, {STEPS} steps", origin, lambda: teach(make()))


def of_zoo(name: str) -> Case:
    """A network of ours on made-up input, at a size that its stem is meant for."""
    family = family_of(name)
    model = create(name, num_classes=10)
    fixed = family.small_size == family.size
    size = family.size if fixed else min(family.size, LARGE)
    x, *context = family.inputs(BATCH, 3, size)
    return Case(model=model, data=Material(x=x, y=None, context=tuple(context), real=False))


def of_peer(library: str, name: str) -> Case:
    import peers

    if library == "timm":
        model: nn.Module = peers.timm.create_model(name, num_classes=10)
    else:
        model = peers.torchvision.models.get_model(name, num_classes=10, weights=None)
    size = 224 if name.startswith(FIXED) else LARGE
    return Case(model=model, data=Material(x=torch.randn(BATCH, 3, size, size), y=None, real=False))


def stepped(case: Case) -> Case:
    """Take a few careful steps on made-up labels."""
    assert case.data is not None
    x, context = case.data.x, case.data.context
    optimizer = torch.optim.SGD(case.model.parameters(), lr=0.01, momentum=0.9)
    case.model.train()
    for _ in range(STEPS):
        logits = case.model(x, *context)
        if not isinstance(logits, Tensor):
            logits = logits[0]
        rows = logits.flatten(0, -2)
        loss = F.cross_entropy(rows, torch.arange(len(rows)) % rows.shape[1])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(case.model.parameters(), 1.0)
        optimizer.step()
    return case


def counted(diagnosis: Diagnosis) -> dict[str, Any]:
    """What an examination of a healthy network says: plain JSON."""
    counts = Counter(finding.verdict for finding in diagnosis.findings)
    failed = [f"{f.check}: {f.figure}" for f in diagnosis.findings if f.why == FAILED]
    return {
        "wrong": counts["wrong"],
        "warning": counts["warning"],
        "asked": sum(counts.values()) - counts["not applicable"],
        "troubles": [f"{f.verdict}: {f.check}: {f.title}: {f.figure}" for f in diagnosis.troubles],
        "failed": failed,
        "seconds": round(diagnosis.seconds, 1),
    }
