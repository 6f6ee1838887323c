"""The images: grey, in [0, 1], by name."""

import numpy as np
from scipy import ndimage
from skimage import color, data, util

SIDE = 256  # of the crops, because BM3D takes long
#: Row and column of the crops of held-out images, so that they show something. Smaller images are used as they are.
HELD_OUT = {
    "chelsea": (20, 60),
    "gravel": (128, 128),
    "clock": (20, 80),
    "coffee": (100, 150),
    "page": (0, 0),
    "rocket": (171, 200),
    "retina": (500, 100),
    "immunohistochemistry": (0, 0),
    "hubble_deep_field": (300, 600),
    "text": (0, 100),
}
PHOTOS = {"china": (80, 180), "flower": (60, 130)}  # of scikit-learn
SCANS = {"CT, head": ("J2K_pixelrep_mismatch.dcm", (30, 130)), "MR, abdomen": ("examples_overlay.dcm", (20, 100))}
COLOUR = ("chelsea", "coffee", "immunohistochemistry")


def grey(image):
    """The image in [0, 1], without colour."""
    image = util.img_as_float32(image)
    return color.rgb2gray(image) if image.ndim == 3 else image


def _crop(image, corner):
    return image[corner[0] : corner[0] + SIDE, corner[1] : corner[1] + SIDE]


def _centre(image):
    return _crop(image, [max(length - SIDE, 0) // 2 for length in image.shape])


def _scan(file):
    """A slice from the test files of pydicom, or None."""
    try:
        import pydicom
        from pydicom.data import get_testdata_file
    except ImportError:
        return None
    path = get_testdata_file(file, download=False)
    if path is None:
        return None
    values = pydicom.dcmread(path).pixel_array.astype(np.float32).clip(-1000)  # air; below it is padding
    return (values - values.min()) / np.ptp(values)


def tuning():
    """Centres of the images that the settings of nl_ridge were chosen on."""
    images = {name: grey(getattr(data, name)()) for name in ("camera", "moon", "cell", "grass", "brick", "coins")}
    images["astronaut"] = grey(data.astronaut())
    images |= {name: _scan(f"{name}_small.dcm") for name in ("CT", "MR")}
    return {name: _centre(image) for name, image in images.items() if image is not None}


def held_out():
    """Crops of images that no setting was chosen on."""
    from sklearn.datasets import load_sample_image

    images = {name: _crop(grey(getattr(data, name)()), corner) for name, corner in HELD_OUT.items()}
    images |= {name: _crop(grey(load_sample_image(f"{name}.jpg")), corner) for name, corner in PHOTOS.items()}
    scans = {name: (_scan(file), corner) for name, (file, corner) in SCANS.items()}
    return images | {name: _crop(image, corner) for name, (image, corner) in scans.items() if image is not None}


def colour():
    """Crops of held-out images in colour."""
    return {name: _crop(util.img_as_float32(getattr(data, name)()), HELD_OUT[name]) for name in COLOUR}


def mosaic(side):
    """Four images in one of `side` by `side` pixels, at most 1024."""
    parts = [grey(getattr(data, name)())[: side // 2, : side // 2] for name in ("camera", "moon", "grass", "brick")]
    return np.block([parts[:2], parts[2:]])


def noise(image, seed):
    """White Gaussian noise with a standard deviation of 1."""
    return np.random.default_rng(seed).standard_normal(image.shape, dtype=np.float32)


def blurred_noise(image, seed, kernel):
    """Correlated Gaussian noise with a standard deviation of 1."""
    return ndimage.convolve(noise(image, seed).astype(float), kernel, mode="wrap")


def spectrum(image, sigma, kernel):
    """Spectrum of `blurred_noise` at a level, in the form that bm3d takes."""
    return np.abs(np.fft.fft2(kernel, image.shape)) ** 2 * image.size * sigma**2


def photons(image, seed, peak):
    """The image with photon noise, of `peak` photons at white."""
    return (np.random.default_rng(seed).poisson(peak * image.astype(float)) / peak).astype(np.float32)


def kernel(blur):
    """Gaussian kernel with a sum of squares of 1, so that blurred white noise keeps its level."""
    impulse = np.zeros((13, 13))
    impulse[6, 6] = 1
    blurred = ndimage.gaussian_filter(impulse, blur, truncate=6)
    return blurred / np.linalg.norm(blurred)
