"""Batch norms with the statistics of other images, against formulas by hand."""

import pytest
import torch
from torch import Tensor, nn

from plusx import InputError, create
from plusx.train.norm_statistics import re_estimated


def test_statistics_are_the_means_over_batches_of_what_each_norm_sees() -> None:
    torch.manual_seed(1)
    net = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Dropout(0.5), nn.Conv2d(3, 2, 3),
        nn.BatchNorm2d(2),
    )  # fmt: skip
    nn.init.normal_(net[1].weight)
    batches = [torch.randn(4, 1, 7, 7) * scale + scale for scale in (1, 2, 5)]
    found = re_estimated(net.train(), batches)
    seen: list[list[tuple[Tensor, Tensor]]] = [[], []]
    for x in batches:  # by hand: two norms with the batch's own statistics, no dropout
        for at, (conv, norm) in enumerate([(net[0], net[1]), (net[4], net[5])]):
            x = conv(x)
            mean = x.mean((0, 2, 3), keepdim=True)
            count = x.numel() / x.shape[1]
            spread = ((x - mean) ** 2).mean((0, 2, 3), keepdim=True)
            seen[at].append((mean.flatten(), spread.flatten() * count / (count - 1)))
            x = (x - mean) / torch.sqrt(spread + norm.eps)
            x = torch.relu(x * norm.weight.view(1, -1, 1, 1) + norm.bias.view(1, -1, 1, 1))
    for norm, pairs in zip((found[1], found[5]), seen, strict=True):
        means, variances = (torch.stack(part) for part in zip(*pairs, strict=True))
        torch.testing.assert_close(norm.running_mean, means.mean(0))
        torch.testing.assert_close(norm.running_var, variances.mean(0))
        assert norm.momentum == 0.1 and not norm.training


def test_statistics_change_nothing_else_and_leave_the_network_alone() -> None:
    net = create("resnet8", num_classes=4, drop_path=0.5).train()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    found = re_estimated(net, [torch.randn(8, 3, 8, 8) + 3])
    assert all(torch.equal(t, before[n]) for n, t in net.state_dict().items()) and net.training
    differ = {n for n, t in found.state_dict().items() if not torch.equal(t, before[n])}
    assert differ == {n for n in before if "running" in n or "num_batches" in n}
    assert not any(module.training for module in found.modules())
    assert found.config == net.config


def test_a_shifted_and_scaled_domain_gets_the_answers_of_the_old_one() -> None:
    """A first norm undoes x -> a x + b exactly: logits as if nothing had happened."""
    net = nn.Sequential(nn.BatchNorm2d(3, eps=1e-12), nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    x = torch.randn(32, 3, 6, 6)
    a, b = torch.tensor([2.0, 0.1, 7.0]).view(1, 3, 1, 1), torch.randn(1, 3, 1, 1)
    want, got = re_estimated(net, [x])(x), re_estimated(net, [a * x + b])(a * x + b)
    torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-5)


def test_a_network_without_batch_norm_has_nothing_to_re_estimate() -> None:
    for net in (create("resnet8", norm="group"), nn.BatchNorm2d(3, track_running_stats=False)):
        with pytest.raises(InputError, match=r"statistics has nothing to re-estimate.*coral"):
            re_estimated(net, [torch.randn(4, 3, 8, 8)])
    with pytest.raises(InputError, match="no images to take statistics of"):
        re_estimated(create("resnet8"), [])
