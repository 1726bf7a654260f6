"""What is known of an answer, against the parts it is made of; and images from where they lie."""

import json
import math
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from explain_samples import SPEC, decided, images
from plusx import InputError, create
from plusx.explain import (
    Attribution,
    decide,
    features,
    grad_cam,
    integrated_gradients,
    read_images,
    sanity,
    split,
)
from plusx.explain.address import addressed
from plusx.explain.methods import BY_LAYER, BY_PIXEL, USUAL, method


def test_a_decision_is_what_its_parts_say() -> None:
    torch.manual_seed(3)
    model, shown, found = create("resnet8", num_classes=3).eval(), images(), decided()
    with torch.no_grad():
        p = model(shown.x).softmax(1)
    torch.testing.assert_close(found.probabilities, p)
    assert torch.equal(found.targets, p.argmax(1))
    assert torch.equal(found.main.maps.maps, grad_cam(model, shown.x).maps)
    assert torch.equal(found.ways[0].split.whole, split(model, shown.x).whole)
    best = SPEC.classes[int(p[0].argmax())]
    assert found.top(0)[0][0] == best == found.target(0)[0]
    assert [each.name for each in found.judged] == ["grad-cam", "layer-cam"]
    assert found.notes == ("broken.png was left out: too short.",)


def test_what_a_decision_says() -> None:
    found = decided()
    said = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert [one["image"] for one in said["images"]] == list(found.images.names)
    assert sum(each["probability"] for each in said["images"][0]["top"]) == pytest.approx(1)
    first = found.judged[0]
    assert said["methods"][0]["deletion"] == pytest.approx(first.faithfulness.deletion)
    assert said["methods"][0]["passes"] == first.sanity.passed
    assert "Grad-CAM" in found.table() and found.notes[0] in found.table()
    assert all(word in found.table() for word in ("taken away", "put back", "random places"))


def test_the_scores_of_one_image_are_its_own() -> None:
    found = decided().main.faithfulness
    one = [found.of(index) for index in range(2)]
    assert found.deletion == pytest.approx((one[0].deletion + one[1].deletion) / 2)
    assert one[1].inserted.shape == (1, 11)
    way = decided().ways[0].through
    assert way.of(1).evidence.tolist() == way.evidence[1:].tolist()
    assert torch.equal(way.of(1).maps[0][0], way.maps[0][1])


def test_any_class_can_be_explained_by_name_or_number() -> None:
    assert decided(target="owl").targets.tolist() == [2, 2]
    assert decided(target="2").target(1)[0] == "owl"
    with pytest.raises(InputError, match="no class 'owle'; did you mean 'owl'"):
        decided(target="owle")
    with pytest.raises(InputError, match="its number, 0 to 2"):
        decided(target="3")


def test_a_network_without_units_is_explained_without_them() -> None:
    pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 12))
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), pool)
    found = decide(model, images(), name="net", methods=["grad-cam"], target=11)
    assert found.ways == ()
    assert found.notes[-1].startswith("Not followed through the shortcuts")
    assert found.classes[11] == "class 11" and found.to_json()["images"][0]["ways"] == []


def test_of_each_stream_the_last_unit_is_looked_at() -> None:
    torch.manual_seed(3)
    model, x = create("dualstream_resnet18", num_classes=3), images(1).x
    shown = images(1)
    found = decide(model, shown, name="net", methods=["layer-cam"])
    names = tuple(f"stages.1.{stream}.1.unit" for stream in ("rgb", "l"))
    assert tuple(way.unit for way in found.ways) == found.main.maps.layers == names
    for way, stream in zip(found.ways, ("rgb", "l")):
        assert all(f".{stream}." in unit for unit in way.through.units)
        assert torch.equal(way.split.whole, split(model, x, unit=way.unit).whole)
    assert sum(found.part(way, 0) for way in found.ways) == pytest.approx(1)
    assert [way["unit"] for way in found.to_json()["images"][0]["ways"]] == [*names]
    chain = ("stages.0.l.0.unit", "stages.1.l.1.unit")
    one = decide(model, shown, name="net", methods=["layer-cam"], unit=chain)
    assert tuple(way.unit for way in one.ways) == chain
    assert all(math.isnan(one.part(way, 0)) for way in one.ways)  # the same, twice


def test_a_block_of_one_unit_is_that_unit() -> None:
    torch.manual_seed(3)
    model = create("resnet8", num_classes=3)
    found = decide(model, images(), name="net", methods=["layer-cam"], unit=["stages.1.0"])
    assert found.main.maps.layers == ("stages.1.0.unit",) == (found.ways[0].unit,)
    assert torch.equal(
        found.ways[0].split.whole, split(model, images().x, unit="stages.1.0.unit").whole
    )
    gated = create("resnet8", num_classes=3, attention="nonlocal")  # a unit inside another
    assert addressed(gated, images().x, ["stages.1.0"]) == ("stages.1.0.unit",)
    assert addressed(gated, images().x, ["stages"]) == ("stages",)


@pytest.mark.parametrize("by", ["layer-cam", "occlusion"])
def test_an_address_of_nothing_is_refused_whatever_the_method(by: str) -> None:
    pytest.importorskip("captum")
    model = create("resnet8", num_classes=3)
    with pytest.raises(InputError, match=r"no such layer; did you mean 'stages\.1\.0'"):
        decide(model, images(), name="net", methods=[by], unit=["stages.1.9"])
    with pytest.raises(InputError, match=r"its last units are .*'stages\.2\.0\.unit'"):
        decide(model, images(), name="net", methods=[by], unit=["xyzzy"])


class _OneUnit(nn.Module):
    """The head stands in the module of the sum, so that the unit's module is the root."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.conv = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return self.head((self.conv(x) + x).relu().mean((2, 3)))


def test_a_network_that_is_one_unit_has_a_name_for_it() -> None:
    found = decide(_OneUnit(), images(), name="net", methods=["grad-cam"])
    assert found.main.maps.layers == ("",) == (found.ways[0].unit,)
    assert "Grad-CAM at the whole network" in found.main.maps.table()
    firsts = [way["ways"][0]["half_of_it_behind"] for way in found.to_json()["images"]]
    assert found.table().count("the whole network") == firsts.count("")
    channels = features(_OneUnit(), images(), images(), channels=1, steps=1)
    assert [layer for layer, _ in channels.excited.at] == ["stem", "conv"]


def test_a_network_without_maps_is_explained_by_its_pixels() -> None:
    pytest.importorskip("captum")
    torch.manual_seed(3)
    model = create("dualstream_mlp", num_classes=3, image_size=16)
    with pytest.raises(InputError, match="--method integrated-gradients"):
        decide(model, images(), name="net")
    found = decide(model, images(), name="net", methods=["integrated-gradients"])
    assert (
        found.ways == () and "grad_cam" not in found.notes[-1] and "--method" not in found.notes[-1]
    )
    assert found.main.maps.maps.shape == (2, 16, 16)


def test_methods_by_name() -> None:
    assert set(USUAL) <= {*BY_LAYER} and not {*BY_LAYER} & {*BY_PIXEL}
    with pytest.raises(InputError, match="did you mean 'grad-cam'"):
        method("gradcam")
    with pytest.raises(InputError, match="no method was given"):
        decide(create("resnet8", num_classes=3), images(), name="net", methods=[])


def test_occlusion_fits_its_square_to_the_image() -> None:
    pytest.importorskip("captum")
    torch.manual_seed(3)
    found = method("occlusion")(create("resnet8", num_classes=3), images().x)
    assert isinstance(found, Attribution) and found.maps.shape == (2, 16, 16)


def _picture(path: Path, shade: int, size: tuple[int, int] = (20, 16)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (shade, shade, shade)).save(path)


def test_images_of_files_folders_and_zips(tmp_path: Path) -> None:
    for number in range(5):
        _picture(tmp_path / "set" / "cat" / f"{number}.png", 40 * number)
    (tmp_path / "set" / "notes.txt").write_text("no image")
    _picture(tmp_path / "one.png", 250)
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.write(tmp_path / "one.png", "owl/one.png")
        archive.writestr("owl/two.png", b"no image")
    found = read_images([tmp_path / n for n in ("set", "one.png", "set.zip")], SPEC, most=3)
    names = ("cat/0.png", "cat/2.png", "cat/4.png", str(tmp_path / "one.png"), "owl/one.png")
    assert found.names == names and found.pixels.shape == (5, 3, 16, 16)
    assert found.pixels[:, 0, 8, 8].tolist() == [0, 80, 160, 250, 250]
    assert [found.truth(index) for index in range(5)] == ["cat", "cat", "cat", None, "owl"]
    assert found.notes == ("owl/two.png was left out: not in an image format that is known.",)
    torch.testing.assert_close(found.x[1], torch.full((3, 16, 16), (80 / 255 - 0.5) / 0.25))
    assert found.some(2).names == (names[0], names[4])


def test_images_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.png").write_bytes(b"no image")
    with pytest.raises(InputError, match="there is no image to explain in"):
        read_images([tmp_path / "empty"], SPEC, most=4)
    with pytest.raises(InputError, match=r"bad\.png cannot be read as an image"):
        read_images([tmp_path / "bad.png"], SPEC, most=4)
    with pytest.raises(InputError, match=r"there is no .*nowhere"):
        read_images([tmp_path / "nowhere"], SPEC, most=4)
    with pytest.raises(InputError, match="0 images were asked for"):
        read_images([tmp_path / "empty"], SPEC, most=0)


def test_a_wrong_method_is_told_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    model, heard = create("resnet8", num_classes=3), list[str]()
    with pytest.raises(InputError, match="did you mean 'grad-cam'"):
        decide(model, images(), name="net", methods=["grad-cam", "gradcam"], tell=heard.append)
    monkeypatch.setitem(sys.modules, "captum", None)
    with pytest.raises(InputError, match="needs captum"):
        decide(model, images(), name="net", methods=["grad-cam", "occlusion"], tell=heard.append)
    assert heard == []


def test_a_decision_within_inference_mode() -> None:
    pytest.importorskip("captum")
    torch.manual_seed(3)
    model, x = create("resnet8", num_classes=3), images(1).x
    outside = decide(model, images(1), name="net", methods=["grad-cam"])
    checked = sanity(model, x, integrated_gradients, steps=1)
    with torch.inference_mode():
        inside = decide(model, images(1), name="net", methods=["grad-cam"])
        assert sanity(model, images(1).x, integrated_gradients, steps=1) == checked
    assert inside.table() == outside.table()


def test_a_network_of_one_logit_is_refused_with_what_to_do() -> None:
    pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 1))
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), pool)
    with pytest.raises(InputError, match=r"two classes or more; .* let it give torch\.cat"):
        decide(model, images(), name="net", methods=["grad-cam"])
