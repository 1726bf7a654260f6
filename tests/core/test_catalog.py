"""Networks by name, and what is refused."""

import pytest

from plusx import InputError, create, list_models, units
from plusx.catalog import options_of
from plusx.zoo import Config


def test_names_match_patterns_and_are_sorted_by_size() -> None:
    assert list_models("resnet1[0-9][0-9]") == ["resnet101", "resnet110", "resnet152", "resnet164"]
    assert list_models("nothing*") == []


@pytest.mark.parametrize(("name", "count"), [("resnet26", 12), ("resnet8", 3), ("plain14", 0)])
def test_any_depth_6n_plus_2_has_a_name(name: str, count: int) -> None:
    assert len(units(create(name, num_classes=10))) == count


def test_a_model_carries_its_config() -> None:
    model = create("resnet20", num_classes=7, in_channels=1, shortcut="project")
    assert model.config == Config("resnet20", 7, 1, {"shortcut": "project"})


def test_shortcut_b_has_the_count_that_is_often_taken_for_the_papers() -> None:
    for depth, count in ((20, 272_474), (56, 855_770), (110, 1_730_714)):
        model = create(f"resnet{depth}", num_classes=10, shortcut="project")
        assert sum(p.numel() for p in model.parameters()) == count


def test_every_option_builds() -> None:
    for option, values in options_of("resnet20").items():
        for value in values if isinstance(values, list) else [0.5]:
            with_it = {"drop_path": 0.1} if option == "drop_path_mode" else {}
            create("resnet20", num_classes=10, **{option: value}, **with_it)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("resnte20", {}, "did you mean 'resnet20'"),
        ("densenet12", {}, "'densenet121', .* or .*'?; `plusx models` lists all$"),
        ("resnet18", {"shortcut": "C"}, "the paper's C is 'project-all' here; it is one of pad"),
        ("resnet21", {}, "the nearest are 20 and 26"),
        ("plain6", {}, "the nearest are 8 and 14"),
        ("resnet20", {"stemm": "small"}, "did you mean 'stem'"),
        ("resnet20", {"stem": "smal"}, "did you mean 'small'"),
        ("resnet20", {"stem": 3}, "one of small, large, deep"),
        ("resnet20", {"shortcut": "identity"}, "one of pad, project"),
        ("plain20", {"shortcut": "pad"}, "no option 'shortcut'"),
        ("plain20", {"init": "zero-last"}, "residual units, and this network has none"),
        ("resnet20", {"num_classes": 0}, "num_classes is 0"),
        ("resnet20", {"num_classes": True}, "num_classes is True"),
        ("resnet20", {"in_channels": 2.5}, "in_channels is 2.5"),
        ("resnet20", {"attention": ["se"]}, "attention=\\['se'\\] is not known"),
        ("resnet20", {"drop_path": [1]}, "drop_path=\\[1\\] is not a number"),
        ("resnet20", {"drop_path_mode": "batch"}, "give one of them"),
        ("efficientnet_b0", {"shake_drop": 0.5}, "choose one \\(drop_path=0\\)"),
        ("resnet020", {}, "no network 'resnet020'"),
        ("resnet٢٠", {}, "no network"),
        ("resnet" + "6" * 30 + "2", {}, "no network"),
    ],
)
def test_wrong_calls_say_what_is_right(name: str, options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        create(name, **options)
