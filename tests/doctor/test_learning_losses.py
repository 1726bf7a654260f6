"""Losses and targets that do not fit the network, each beside its healthy twin."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from doctor.learning_nets import AMPLE, asked, network, sgd, verdict
from plusx.doctor import Material, Patient, Training
from plusx.doctor.given import material_for

Loss = Callable[[Tensor, Tensor], Tensor]


def examined(
    model: nn.Module, y: Tensor | None, loss: Loss | None = F.cross_entropy, **others: object
) -> Patient:
    x = torch.randn(128 if y is None else len(y), 12)
    training = Training(optimizer=sgd(model, 0.01), loss=loss, **others)  # type: ignore[arg-type]
    return Patient(model, Material(x=x, y=y), budget=AMPLE, training=training)


def classes(count: int = 128, most: int = 5) -> Tensor:
    return torch.arange(count) % most


STEPPING = ("updates", "rate", "data", "noise")


@pytest.mark.parametrize("shift, why", [(1, "numbered from 1"), (-1, "below 0"), (3, "8 classes")])
def test_labels_that_are_no_class_of_the_network(shift: int, why: str) -> None:
    broken = examined(network(), classes() + shift)
    finding = asked("labels", broken)
    assert (finding.verdict, finding.cause) == ("wrong", "labels out of range")
    assert finding.weight == 3 and why in finding.why
    for name in STEPPING:
        other = asked(name, broken)
        assert other.verdict == "not applicable" and "outside" in other.figure
    assert verdict("labels", examined(network(), classes())) == ("fine", "")


def test_labels_that_the_loss_leaves_out() -> None:
    y = classes()
    y[::7] = -1
    assert verdict("labels", examined(network(), y)) == ("wrong", "labels out of range")
    leaving_out = nn.CrossEntropyLoss(ignore_index=-1)
    healthy = examined(network(), y, leaving_out)
    assert verdict("labels", healthy) == ("fine", "")
    assert verdict("updates", healthy) == ("fine", "")
    y[::7] = -100
    assert verdict("labels", examined(network(), y, None)) == ("fine", "")


def test_spare_outputs_are_a_remark() -> None:
    finding = asked("labels", examined(nn.Linear(12, 1000), classes(512)))
    assert finding.verdict == "fine" and "995 outputs" in finding.figure and "5" in finding.next


def negated(y: Tensor, labels: Tensor) -> Tensor:
    return -F.cross_entropy(y, labels)


def focal(y: Tensor, labels: Tensor) -> Tensor:
    told = F.cross_entropy(y, labels, reduction="none")
    return ((1 - (-told).exp()) ** 2 * told).mean()


def squared(y: Tensor, labels: Tensor) -> Tensor:
    return F.mse_loss(y, F.one_hot(labels, y.shape[1]).float())


def less_sure(y: Tensor, labels: Tensor) -> Tensor:
    """A cross-entropy less a part of the entropy, which is below 0 and has an end."""
    shares = y.softmax(1)
    return F.cross_entropy(y, labels) + 0.5 * (shares * y.log_softmax(1)).sum(1).mean()


def by_step(loss: Loss) -> Callable[[nn.Module, torch.optim.Optimizer, Tensor, Tensor], Tensor]:
    def step(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> Tensor:
        model.train()
        optimizer.zero_grad()
        told = loss(model(x), y)
        told.backward()
        optimizer.step()
        return told

    return step


SMOOTH = nn.CrossEntropyLoss(label_smoothing=0.1)
MARGIN = nn.MultiMarginLoss()


@pytest.mark.parametrize("as_step", [False, True])
@pytest.mark.parametrize(
    "end, loss, words",
    [
        (nn.Identity(), F.nll_loss, "log-probabilities"),
        (nn.Identity(), negated, "get worse"),
        (nn.LogSoftmax(1), negated, "get worse"),
        (nn.Softmax(1), F.nll_loss, "minus the probability"),
    ],
)
def test_a_loss_without_a_lower_end(end: nn.Module, loss: Loss, words: str, as_step: bool) -> None:
    torch.manual_seed(0)
    given = {"loss": None, "step": by_step(loss)} if as_step else {"loss": loss}
    broken = examined(network(end), classes(), **given)  # type: ignore[arg-type]
    finding = asked("bounded", broken)
    assert (finding.verdict, finding.cause) == ("wrong", "loss not bounded")
    assert words in finding.title and finding.weight == 3
    for name in ("rate", "data"):
        assert asked(name, broken).verdict == "not applicable"


@pytest.mark.parametrize("as_step", [False, True])
@pytest.mark.parametrize(
    "end, loss",
    [
        *[(nn.Identity(), loss) for loss in (F.cross_entropy, SMOOTH, MARGIN, focal, squared)],
        (nn.Identity(), less_sure),
        (nn.LogSoftmax(1), F.nll_loss),
        (nn.LogSoftmax(1), F.cross_entropy),
        (nn.Softmax(1), lambda y, labels: F.nll_loss((y + 1e-8).log(), labels)),
        (nn.Softmax(1), F.cross_entropy),  # another question's
        (nn.Identity(), lambda y, t: F.cross_entropy(y, t, reduction="sum")),
    ],
)
def test_usual_losses_have_an_end(end: nn.Module, loss: Loss, as_step: bool) -> None:
    torch.manual_seed(0)
    given = {"loss": None, "step": by_step(loss)} if as_step else {"loss": loss}
    healthy = examined(network(end), classes(), **given)  # type: ignore[arg-type]
    assert verdict("bounded", healthy) == ("fine", "")


def test_a_loss_of_each_image_is_asked_for_its_mean() -> None:
    unreduced = nn.CrossEntropyLoss(reduction="none")
    assert verdict("bounded", examined(network(), classes(), unreduced)) == ("fine", "")


def of_guesses(y: Tensor, labels: Tensor) -> Tensor:
    return F.mse_loss(y.argmax(1).float(), labels.float())


def test_a_loss_without_a_gradient() -> None:
    broken = examined(network(), classes(), of_guesses)
    assert verdict("bounded", broken) == ("wrong", "no step")
    for name in (*STEPPING, "reduction"):
        finding = asked(name, broken)
        assert finding.verdict == "not applicable" and "no gradient" in finding.figure


def single(end: nn.Module | None = None) -> nn.Module:
    layers = [nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 1)]
    return nn.Sequential(*layers, *([end] if end is not None else []))


def test_outputs_in_a_column_and_targets_in_a_row() -> None:
    targets = torch.randn(128)
    finding = asked("broadcast", examined(single(), targets, F.mse_loss))
    assert (finding.verdict, finding.cause) == ("wrong", "targets broadcast")
    assert asked("rate", examined(single(), targets, F.mse_loss)).verdict == "not applicable"
    paired = [
        examined(single(), targets, lambda y, t: F.mse_loss(y.squeeze(1), t)),
        examined(single(), targets[:, None], lambda y, t: F.mse_loss(y[:, 0], t[:, 0])),
        examined(single(nn.Flatten(0)), targets[:, None], lambda y, t: F.mse_loss(y, t[:, 0])),
    ]
    for healthy in paired:
        assert asked("broadcast", healthy).verdict in ("fine", "not applicable")
        assert verdict("rate", healthy)[0] == "fine"


def correlation(y: Tensor, t: Tensor) -> Tensor:
    y, t = y.flatten() - y.mean(), t.flatten() - t.mean()
    return -(y * t).sum() / (y.norm() * t.norm())


def test_a_loss_of_the_whole_batch_is_no_broadcast() -> None:
    assert verdict("broadcast", examined(single(), torch.randn(128), correlation)) == ("fine", "")


def test_sigmoid_before_a_loss_of_one_logit() -> None:
    marks = (torch.arange(128) % 2).float()[:, None]
    logits = F.binary_cross_entropy_with_logits
    broken = examined(single(nn.Sigmoid()), marks, logits)
    assert verdict("logits", broken) == ("wrong", "softmax before the loss")
    for healthy in (
        examined(single(), marks, logits),
        examined(single(nn.Sigmoid()), marks, F.binary_cross_entropy),
        examined(single(nn.Sigmoid()), marks, F.mse_loss),
    ):
        assert verdict("logits", healthy) == ("fine", "")
        assert verdict("updates", healthy) == ("fine", "")


def test_sigmoid_before_a_loss_of_several_marks() -> None:
    marks = (torch.rand(128, 5) > 0.5).float()
    loss = nn.BCEWithLogitsLoss()
    assert verdict("logits", examined(network(), marks, loss)) == ("fine", "")
    broken = examined(network(nn.Sigmoid()), marks, loss)
    assert verdict("logits", broken) == ("wrong", "softmax before the loss")
    assert verdict("reduction", examined(network(), marks, loss)) == ("fine", "")


def test_targets_that_are_not_known_are_not_made_up() -> None:
    unknown = examined(single(), None, F.mse_loss)
    for name in ("updates", "rate"):
        finding = asked(name, unknown)
        assert finding.verdict == "not applicable" and "does not take classes" in finding.figure


def test_an_activation_after_the_head() -> None:
    torch.manual_seed(0)
    assert verdict("logits", examined(network(nn.ReLU()), classes())) == (
        "warning",
        "logits cut off",
    )
    assert verdict("logits", examined(network(nn.ReLU()), classes(), None)) == (
        "warning",
        "logits cut off",
    )
    assert verdict("logits", examined(network(nn.ReLU()), None, None)) == ("fine", "")
    assert verdict("logits", examined(network(nn.ELU()), classes())) == ("fine", "")
    still = network()
    nn.init.zeros_(still[-1].weight)  # type: ignore[index,arg-type,union-attr]
    nn.init.zeros_(still[-1].bias)  # type: ignore[index,arg-type,union-attr]
    assert verdict("logits", examined(still, classes())) == ("fine", "")


def test_lbfgs_is_not_judged_by_single_steps() -> None:
    model = network()
    optimizer = torch.optim.LBFGS(model.parameters())

    def step(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> object:
        def closure() -> float:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            return float(loss)

        return optimizer.step(closure)

    training = Training(optimizer=optimizer, step=step)
    material = Material(x=torch.randn(128, 12), y=classes())
    lbfgs = Patient(model, material, budget=AMPLE, training=training)
    for name in ("steps", "updates", "rate", "data", "reduction", "trains", "logits"):
        finding = asked(name, lbfgs)
        assert finding.verdict == "not applicable" or name == "logits"
        assert name == "logits" or "LBFGS" in finding.figure
    assert verdict("optimizer", lbfgs) == ("fine", "")


def test_a_loader_that_gives_class_after_class() -> None:
    def told(y: Tensor, *, shuffle: bool = False, known: bool = True) -> tuple[str, str]:
        model = network()
        loader = DataLoader(TensorDataset(torch.randn(len(y), 12), y), 16, shuffle=shuffle)
        training = Training(optimizer=sgd(model), loss=F.cross_entropy) if known else None
        given = material_for(model, loader)
        return verdict("shuffled", Patient(model, given, budget=AMPLE, training=training))

    ordered = classes().sort().values
    assert told(ordered) == ("warning", "not shuffled")
    assert told(ordered, shuffle=True) == ("fine", "")
    assert told(classes()) == ("fine", "")
    assert told(torch.zeros(128, dtype=torch.int64)) == ("fine", "")
    assert told(ordered[::16]) == ("fine", "")  # eight images
    assert told(torch.arange(128.0)) == ("fine", "")  # no classes
    assert told(ordered, known=False)[0] == "not applicable"
