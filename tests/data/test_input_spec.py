import json
from dataclasses import replace

import pytest

from plusx.data import InputSpec, policy_for
from plusx.data.spec import stored_for
from plusx.errors import InputError

SPEC = InputSpec(("cat", "dog"), 3, 32, 32, (0.5, 0.4, 0.3), (0.2, 0.2, 0.2))


def test_json_round_trip() -> None:
    assert InputSpec.from_json(SPEC.to_json()) == SPEC


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("classes", ["cat"]),
        ("classes", ["cat", "cat"]),
        ("classes", "cat"),
        ("channels", 2),
        ("channels", True),
        ("size", 0),
        ("size", "32"),
        ("stored", 31),
        ("mean", [0.5]),
        ("mean", [0.5, 0.4, float("nan")]),
        ("std", [0.2, 0.2, 0]),
    ],
)
def test_a_wrong_field_is_named(field: str, value: object) -> None:
    fields = json.loads(SPEC.to_json()) | {field: value}
    with pytest.raises(InputError, match=f"gives {field} as"):
        InputSpec.from_json(json.dumps(fields))


def test_missing_unknown_and_unreadable() -> None:
    fields = json.loads(SPEC.to_json())
    with pytest.raises(InputError, match="'chanels'; did you mean 'channels'"):
        InputSpec.from_json(json.dumps(fields | {"chanels": 3}))
    del fields["std"]
    with pytest.raises(InputError, match="gives std as 'nothing'"):
        InputSpec.from_json(json.dumps(fields))
    with pytest.raises(InputError, match="is no JSON"):
        InputSpec.from_json("{")
    with pytest.raises(InputError, match="expected an object"):
        InputSpec.from_json("[1]")


def test_stored_margin() -> None:
    assert [stored_for(size) for size in (8, 28, 64, 96, 224)] == [8, 28, 64, 110, 256]


def test_policy_follows_the_data() -> None:
    few = policy_for(SPEC, count=10)
    assert (few.padding, few.flip, few.fill, few.area) == (4, True, (128, 102, 76), None)
    digits = policy_for(InputSpec(tuple("0123"), 1, 8, 8, (0.5,), (0.2,)), count=10)
    assert digits.padding == 1
    assert not digits.flip
    assert "no mirror images" in str(digits)
    photos = InputSpec(("cat", "dog"), 3, 224, 256, (0.5,) * 3, (0.2,) * 3)
    assert policy_for(photos, count=10).padding == 0
    assert policy_for(photos, count=10).area == (0.25, 1.0)
    assert policy_for(photos, count=99_999).area == (0.25, 1.0)
    assert policy_for(photos, count=100_000).area == (0.08, 1.0)
    assert "25% to 100% of the area" in str(policy_for(photos, count=10))
    assert "larger stored image" in str(replace(policy_for(photos, count=10), area=None))
