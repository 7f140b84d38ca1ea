"""What models take: to_tensor gives it, check_images refuses everything else in one line."""

import numpy as np
import pytest
import torch

from vsclib import data
from vsclib.errors import DataError, VsclibError


def one_line(error, *parts):
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert str(part) in message, message


def test_to_tensor_gives_what_models_take():
    images = np.arange(256, dtype=np.uint8).reshape(2, 2, 8, 8)
    x = data.to_tensor(images)
    assert x.dtype == torch.float32 and x.shape == (2, 2, 8, 8)
    assert torch.equal(x, torch.from_numpy(images).float() / 255)
    assert x.min() == 0 and x.max() == 1
    data.check_images(x, (2, 8, 8))
    assert (images == np.arange(256).reshape(2, 2, 8, 8)).all()


@pytest.mark.filterwarnings("error")
def test_to_tensor_takes_views_and_read_only_arrays():
    images = np.arange(256, dtype=np.uint8).reshape(4, 1, 8, 8)
    for view in (images[::2], images[::-1], images.transpose(0, 1, 3, 2)):
        assert (data.to_tensor(view).mul(255).round().numpy() == view).all()
    images.flags.writeable = False
    assert data.to_tensor(images)[3, 0, 7, 7] == 1


@pytest.mark.parametrize(
    ("images", "found"),
    [
        (np.zeros((2, 1, 4, 4)), "float64 array (2, 1, 4, 4)"),
        (np.zeros((2, 4, 4), dtype=np.uint8), "uint8 array (2, 4, 4)"),
        (torch.zeros(2, 1, 4, 4), "images"),
        ([[0]], "images"),
    ],
)
def test_to_tensor_refuses_what_is_no_stack_of_images(images, found):
    with pytest.raises(VsclibError) as error:
        data.to_tensor(images)
    one_line(error, found, "to_tensor")


def test_bytes_of_zero_and_one_are_said_to_be_black():
    images = np.arange(32, dtype=np.uint8).reshape(2, 1, 4, 4) % 2
    with pytest.warns(UserWarning, match="0 and 1 only.*multiply them by 255"):
        data.to_tensor(images)


def with_pixel(value):
    x = torch.full((3, 1, 4, 5), 0.5)
    x[2, 0, 3, 1] = value
    return x


@pytest.mark.parametrize(
    ("x", "found"),
    [
        (torch.zeros(3, 1, 4, 5, dtype=torch.uint8), "uint8 tensor"),
        (torch.zeros(3, 1, 4, 5, dtype=torch.float64), "float64 tensor"),
        (torch.zeros(3, 3, 4, 5), "(3, 3, 4, 5)"),
        (torch.zeros(3, 1, 5, 4), "(3, 1, 5, 4)"),
        (torch.zeros(1, 4, 5), "(1, 4, 5)"),
        (torch.zeros(3, 20), "(3, 20)"),
        (torch.zeros(0, 1, 4, 5), "(0, 1, 4, 5)"),
        (with_pixel(255), "0.5 to 255"),
        (with_pixel(1.001), "0.5 to 1.001"),
        (with_pixel(-0.1), "-0.1 to 0.5"),
        (with_pixel(float("inf")), "inf"),
        (with_pixel(float("nan")), "NaN"),
    ],
)
def test_images_of_the_wrong_type_shape_or_scale_are_refused(x, found):
    with pytest.raises(DataError) as error:
        data.check_images(x, (1, 4, 5))
    one_line(error, found, "float32 (B, 1, 4, 5) in [0, 1]")


def test_images_in_range_pass_and_keep_their_gradient():
    x = torch.rand(3, 1, 4, 5, requires_grad=True)
    data.check_images(x, (1, 4, 5))
    for edge in (0.0, 1.0):
        data.check_images(with_pixel(edge), (1, 4, 5))
    assert x.grad is None and x.requires_grad
