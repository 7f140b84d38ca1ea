"""The precision of an inference's products: what is asked for, or what suits the device."""

import functools
import os
from typing import Literal

import torch
from torch import nn

from vsclib.decoder_gradient import is_plain_mlp
from vsclib.errors import warn_caller

Precision = Literal["float32", "bfloat16"]
AskedPrecision = Literal["auto", "float32", "bfloat16"]
"""A precision, or ``auto`` for the faster one."""

SMALLEST_MLP = 2**16
"""Weights of an MLP decoder from which products in bfloat16 are faster. Measured with AVX-512 BF16
and batches of 100: 0.9 times as fast at 37,000 weights, 1.1 times at 65,000, 1.8 at 394,000.
"""
SMALLEST_OTHER = 2**18
"""The same where autograd finds the gradient: 0.9 times at 151,000 weights, 1.6 at 569,000."""
_WITHOUT = {"SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI"}


def chosen_precision(asked: AskedPrecision, decoder: nn.Module, device: torch.device) -> Precision:
    """The precision of a decoder's products on a device.

    ``auto`` takes bfloat16 where the device has products of its own for it and the decoder is large
    enough to gain by them. Asked for where float32 is faster, bfloat16 is taken with a warning.
    """
    weights = sum(weight.numel() for weight in decoder.parameters())
    enough = weights >= (SMALLEST_MLP if is_plain_mlp(decoder) else SMALLEST_OTHER)
    native = native_bfloat16(device)
    if asked == "auto":
        return "bfloat16" if enough and native else "float32"
    if asked == "bfloat16" and not (enough and native):
        small = f"a decoder of {weights:,} weights is too small for it"
        _warn_of_slow(small if native else f"{device.type} has no such products of its own")
    return asked


def native_bfloat16(device: torch.device) -> bool:
    """Whether a device multiplies matrices of bfloat16 by instructions of its own.

    A processor without them makes such products many times slower than those in float32. Held to
    fewer instructions by ``ATEN_CPU_CAPABILITY`` or ``ONEDNN_MAX_CPU_ISA``, a processor counts as
    one that has no others.
    """
    if device.type == "cuda":
        with torch.cuda.device(device):
            return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    if os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper() in _WITHOUT:
        return False
    wide = torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    asked = (torch.cpu._is_avx512_bf16_supported, torch.cpu._is_amx_tile_supported)
    return wide and any(supported() for supported in asked)


@functools.cache
def _warn_of_slow(reason: str) -> None:
    """Say it once in a process, not at every step."""
    warn_caller(
        f"inference_precision = 'bfloat16' is slower than float32 here ({reason}): choose 'auto'"
    )
