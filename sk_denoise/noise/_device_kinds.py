"""The kinds of noise for tensors on a GPU: one function for each kind, ``kind(X, level, device) -> X_noisy``.

`kinds` computes in place, which is fast with NumPy but impossible with tensors. The distributions are the same, as
`tests/noise/test_device_kinds.py` checks. `device` is a `networks.accelerator.Device`, passed as an argument because
this folder does not import TensorFlow.
"""

from __future__ import annotations

import dataclasses

from ._params import check_blur, check_level


def gaussian(X, level, device):
    """See `kinds.gaussian`."""
    return X + level * device.normal(X)


def uniform(X, level, device):
    """See `kinds.uniform`."""
    return X + level * (2 * device.uniform(X) - 1)


def speckle(X, level, device):
    """See `kinds.speckle`."""
    return X * (1 + level * device.normal(X))


def salt_pepper(X, level, device):
    """See `kinds.salt_pepper`."""
    draw = device.uniform(X)
    return device.where(draw < level, device.where(draw < level / 2, 1.0, 0.0), X)


def masking(X, level, device):
    """See `kinds.masking`."""
    return device.where(device.uniform(X) < level, 0.0, X)


def rician(X, level, device):
    """See `kinds.rician`."""
    real, imaginary = gaussian(X, level, device), level * device.normal(X)
    return device.sqrt(real * real + imaginary * imaginary)


#: Photon noise is left out, because TensorFlow draws Poisson numbers only on CPUs.
DEVICE_KINDS = {kind.__name__: kind for kind in (gaussian, uniform, speckle, salt_pepper, masking, rician)}


@dataclasses.dataclass(frozen=True)
class DeviceNoise:
    """The noise of an injector for tensors, ``(X, device) -> X_noisy``, like `kinds.add_noise`; hashable."""

    kind: str
    level: float | tuple[float, float]
    clip: bool

    def __call__(self, X, device):
        level = self.level
        if isinstance(level, tuple):
            low, high = level
            level = low + (high - low) * device.uniform(X[:, :1])
        noisy = DEVICE_KINDS[self.kind](X, level, device)
        return device.clip(noisy, 0, 1) if self.clip else noisy


def device_noise(injector):
    """Return the noise of `injector` for tensors; None if NumPy has to draw it."""
    if not isinstance(injector.kind, str) or injector.kind not in DEVICE_KINDS or any(check_blur(injector.blur)):
        return None
    return DeviceNoise(injector.kind, check_level(injector.level, injector.kind), bool(injector.clip))
