import base64
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from decoder_oracle import mean_image, stored_codes
from small_models import SPARSE
from torch import nn

from vsclib import models
from vsclib.errors import ConfigurationError, DataError
from vsclib.models import Code
from vsclib.traversal import Traversal
from vsclib.traversal.decoder_export import export_decoder
from vsclib.traversal.script import SCRIPTS

REPOSITORY = Path(__file__).parent.parent
FILES = (*SCRIPTS, "page.js", "page.css", "traversal.css", "controls.css")


def random_images(count: int = 4, shape: tuple[int, int, int] = (1, 28, 28)) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8)


def a_model(
    name: str = "vae",
    network: str = "mlp",
    latents: int = 12,
    shape=(1, 28, 28),
    likelihood="bernoulli",
):
    torch.manual_seed(0)
    model = models.create(
        name, image_shape=shape, latents=latents, hidden=32, network=network, likelihood=likelihood
    )
    # Fresh weights draw grey everywhere; these draw black and white.
    with torch.no_grad():
        for parameter in model.decoder.layers.parameters():
            parameter.mul_(3)
    return model


class SparseModel:
    """A sparse code whose values the test chooses."""

    name, image_shape, latents = "chosen", (1, 4, 4), 6

    def __init__(self, z, active, mu=None):
        torch.manual_seed(0)
        self.code = Code(
            torch.tensor(z),
            torch.tensor(active),
            None if mu is None else torch.tensor(mu),
            None,
            None,
        )
        self.decoder = SimpleNamespace(layers=nn.Sequential(nn.Linear(6, 16)))

    def encode(self, x):
        return self.code

    def decode(self, z):
        return SimpleNamespace(mean=torch.sigmoid(self.decoder.layers(z)).reshape(-1, 1, 4, 4))


def sparse_widget(**options) -> Traversal:
    z = [[0.0, 2.0, 0.0, -3.0, 0.0, 0.5], [0.0] * 6]
    active = [[False, True, False, True, False, True], [False] * 6]
    mu = [[0.1, 2.0, 9.0, -3.0, 0.2, 0.5], [0.3] * 6]
    return Traversal(SparseModel(z, active, mu), random_images(2, (1, 4, 4)), **options)


@pytest.mark.parametrize("network", ["mlp", "conv"])
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 16, 16)])
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian_learned"])
def test_exported_weights_decode_to_what_torch_decodes(network, shape, likelihood):
    model, images = (
        a_model(network=network, shape=shape, likelihood=likelihood),
        random_images(shape=shape),
    )
    decoder = Traversal(model, images).decoder.get_state()
    z = torch.randn(3, 12, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = model.decode(z).mean.numpy()
    assert expected.std() > 0.05, "a picture without contrast proves nothing"
    for code, image in zip(z.numpy(), expected, strict=True):
        np.testing.assert_allclose(mean_image(decoder, shape, code), image, atol=5e-3)


def test_uneven_convolutions_decode_to_what_torch_decodes():
    torch.manual_seed(0)
    layers = nn.Sequential(
        nn.Linear(5, 2 * 3 * 4),
        nn.ReLU(),
        nn.Unflatten(1, (2, 3, 4)),
        nn.ConvTranspose2d(
            2, 3, (3, 4), stride=(2, 3), padding=(1, 0), output_padding=(1, 2), bias=False
        ),
    )
    with torch.no_grad():
        expected = torch.sigmoid(layers(torch.ones(1, 5)))[0].numpy()
    exported = export_decoder(layers, 5, expected.shape)
    image = mean_image(exported.get_state(), expected.shape, np.ones(5))
    np.testing.assert_allclose(image, expected, atol=2e-3)


@pytest.mark.parametrize("name", models.names())
def test_every_model_travels_with_its_codes(name):
    model, images = a_model(name), random_images()
    widget = Traversal(model, images)
    torch.manual_seed(0)
    code = model.encode(torch.from_numpy(images).float() / 255)
    np.testing.assert_allclose(stored_codes(widget.get_state()), code.z.detach().numpy(), atol=1e-6)
    active = np.frombuffer(base64.b64decode(widget.active), np.uint8).reshape(4, 12)
    np.testing.assert_array_equal(active, code.active.numpy())
    assert widget.gated == (
        name
        in (
            *SPARSE,
            "batch_top_k",
            "jump_relu",
            "poisson_vae",
            "relu_sae",
            "sparse_generator",
            "top_k",
        )
    )
    assert (
        np.frombuffer(base64.b64decode(widget.pixels), np.uint8).reshape(images.shape).tolist()
        == images.tolist()
    )


def test_state_can_be_stored_in_a_notebook():
    state = Traversal(a_model(), random_images()).get_state()
    assert json.loads(json.dumps(state))["z"] == pytest.approx(state["z"])


def test_a_decoder_of_400_hidden_units_keeps_a_notebook_under_two_megabytes():
    torch.manual_seed(0)
    model = models.create("vsc", image_shape=(1, 28, 28), latents=200, hidden=400)
    widget = Traversal(model, random_images(12))
    states = [widget.get_state(), widget.decoder.get_state()]
    assert 1.0e6 < len(json.dumps(states)) < 1.3e6


def test_widgets_that_decode_alike_share_one_decoder_and_others_do_not():
    model, images = a_model(), random_images()
    first = Traversal(model, images)
    assert Traversal(model, images[:2]).decoder is first.decoder
    assert Traversal(a_model(latents=11), images).decoder is not first.decoder
    first.decoder.close()  # as ipywidgets.Widget.close_all() does
    assert Traversal(model, images).decoder.comm is not None


def test_floats_and_bytes_give_the_same_pictures():
    model, images = a_model(), random_images()
    floats = Traversal(model, torch.from_numpy(images).float() / 255)
    assert floats.pixels == Traversal(model, images).pixels


def test_sliders_start_with_the_latents_that_are_on_largest_first():
    assert sparse_widget().shown[0] == [3, 1, 5]
    assert sparse_widget(sliders=2).shown[0] == [3, 1]


def test_a_silent_code_starts_with_the_latents_that_others_use():
    assert sparse_widget().shown[1] == [1, 3, 5]


def test_sliders_of_a_dense_code_start_with_what_varies_most():
    z = [[0.0, 1.0, 5.0, -1.0, 0.0, 0.1], [0.0, -1.0, 5.1, 2.0, 0.0, 0.0]]
    model = SparseModel(z, [[True] * 6] * 2)
    assert Traversal(model, random_images(2, (1, 4, 4)), sliders=2).shown == [[3, 1], [3, 1]]


def test_chosen_latents_are_shown_for_every_image():
    assert sparse_widget(latents=(4, 0)).shown == [[4, 0], [4, 0]]


def test_a_gate_opens_on_the_slab_within_the_sliders_range():
    widget = sparse_widget()
    slabs = np.frombuffer(base64.b64decode(widget.slabs), "<f4").reshape(2, 6)
    assert widget.limit == 4.0
    assert slabs[0].tolist() == pytest.approx([0.1, 2.0, 4.0, -3.0, 0.2, 0.5])


def test_z_follows_the_page_and_the_chosen_image():
    widget = sparse_widget()
    assert widget.z == [0.0, 2.0, 0.0, -3.0, 0.0, 0.5]
    widget.set_state({"z": [1.0] * 6})  # what a finished move in the page sends
    assert widget.z == [1.0] * 6
    widget.image = 1
    assert widget.z == [0.0] * 6


def test_repr_is_stable():
    assert (
        repr(sparse_widget()) == repr(sparse_widget()) == "Traversal(chosen: 2 images, 6 latents)"
    )


def test_where_nothing_can_run_a_still_picture_with_words_stands_in():
    data, metadata = sparse_widget()._repr_mimebundle_()
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert "3 of 6 latents on" in metadata["image/png"]["alt"]
    assert "application/vnd.jupyter.widget-view+json" in data
    assert data["text/plain"] == "Traversal(chosen: 2 images, 6 latents)"


def test_building_a_widget_leaves_the_model_as_it_was():
    model = a_model()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    Traversal(model, random_images())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ([nn.Linear(6, 16), nn.BatchNorm1d(16)], "decoder layer 1 is BatchNorm1d"),
        ([nn.Sequential(nn.Linear(6, 16))], "decoder layer 0 is Sequential"),
        (
            [
                nn.Linear(6, 16),
                nn.Unflatten(1, (4, 2, 2)),
                nn.ConvTranspose2d(4, 4, 2, 2, groups=2),
            ],
            "groups=1",
        ),
        (
            [
                nn.Linear(6, 16),
                nn.Unflatten(1, (4, 2, 2)),
                nn.ConvTranspose2d(4, 1, 2, 2, dilation=2),
            ],
            "dilation=1",
        ),
        ([nn.Linear(5, 16)], "takes 5 values or channels and gets 6"),
        ([nn.Linear(6, 15)], "must give a multiple of 16"),
    ],
)
def test_a_decoder_that_the_browser_cannot_compute_is_refused_in_one_line(layers, words):
    with pytest.raises(ConfigurationError, match="decode") as refusal:
        export_decoder(nn.Sequential(*layers), 6, (1, 4, 4))
    assert words in str(refusal.value) and "\n" not in str(refusal.value)


@pytest.mark.parametrize("value", [1e6, float("nan")])
def test_a_weight_beyond_half_precision_is_refused(value):
    layers = nn.Sequential(nn.Linear(6, 16))
    with torch.no_grad():
        layers[0].weight[0, 0] = value
    with pytest.raises(ConfigurationError, match="half precision"):
        export_decoder(layers, 6, (1, 4, 4))


def test_a_model_whose_mean_is_no_sigmoid_is_refused():
    model = SparseModel([[1.0] * 6], [[True] * 6])
    model.decode = lambda z: SimpleNamespace(mean=model.decoder.layers(z).reshape(-1, 1, 4, 4))
    with pytest.raises(ConfigurationError, match="sigmoid"):
        Traversal(model, random_images(1, (1, 4, 4)))


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (random_images(2, (1, 5, 5)), r"\(2, 1, 5, 5\).*\(N, 1, 4, 4\)"),
        (random_images(2, (1, 4, 4))[0], "shape"),
        (random_images(0, (1, 4, 4)), "0 images"),
        (random_images(65, (1, 4, 4)), "65 images were given; give 1 to 64"),
        (random_images(2, (1, 4, 4)).astype(np.int64), "int64"),
        (random_images(2, (1, 4, 4)).astype(np.float32), "float32 between 4.0 and 248.0"),
        (np.full((2, 1, 4, 4), np.nan), "nan"),
    ],
)
def test_images_that_do_not_fit_are_refused(images, words):
    with pytest.raises(DataError, match=words):
        Traversal(SparseModel([[0.0] * 6], [[True] * 6]), images)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"latents": [6]}, "0 to 5"),
        ({"latents": []}, "at least one"),
        ({"latents": [1, 1]}, "different"),
        ({"sliders": 0}, "sliders=0"),
        ({"limit": 2.0}, "largest .z. is 3"),
        ({"limit": float("inf")}, "limit=inf"),
    ],
)
def test_options_out_of_range_are_refused(options, words):
    with pytest.raises(ConfigurationError, match=words):
        sparse_widget(**options)


@pytest.mark.parametrize(
    ("name", "value"), [("image", 2), ("image", -1), ("z", [0.0] * 5), ("z", [float("nan")] * 6)]
)
def test_a_widget_refuses_an_image_or_a_code_that_does_not_exist(name, value):
    with pytest.raises(ConfigurationError, match=name):
        setattr(sparse_widget(), name, value)


@pytest.mark.slow
def test_the_widgets_files_are_in_the_built_wheel(tmp_path):
    source = tmp_path / "source"
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "vsclib", "pyproject.toml", "README.md", "LICENSE"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    for name in tracked:
        if (REPOSITORY / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((REPOSITORY / name).read_bytes())
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(tmp_path),
        str(source),
    ]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert {f"vsclib/traversal/{name}" for name in FILES} <= set(archive.namelist())
        archive.extractall(tmp_path / "installed")  # pure Python: unpacking is installing

    program = "import vsclib.traversal as t; print(t.__file__); print(len(str(t.Traversal._esm)), len(str(t.Traversal._css)))"
    environment = {"PYTHONPATH": str(tmp_path / "installed"), "PATH": ""}
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    place, sizes = run.stdout.splitlines()
    assert Path(place).is_relative_to(tmp_path / "installed")
    assert all(int(size) > 5_000 for size in sizes.split())


def test_more_latents_than_a_page_can_show_are_refused_in_one_line():
    model = SparseModel([[0.0] * 6], [[True] * 6])
    model.latents = 2049
    with pytest.raises(
        ConfigurationError, match="2049 latents and a page can show 2048"
    ) as refusal:
        Traversal(model, random_images(1, (1, 4, 4)))
    assert "\n" not in str(refusal.value)
