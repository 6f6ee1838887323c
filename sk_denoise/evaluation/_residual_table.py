"""Thresholds, weights and rates of `residual_check`, all printed by benchmarks/residuals.py."""

from math import nan

#: Names of the tests, in the order of the thresholds.
TESTS = ("shift", "detail", "stripes", "level", "variance", "smoothing")

# fmt: off
#: Weights of the features of "smoothing" for each denoiser, and the intercept (python benchmarks/residuals.py
#: thresholds, on crops of ten images).
WEIGHTS = {
    "gaussian": (
        2.719, 17.08, 7.17, 2.258, -2.232, 0.7767, 0.05792, 2.418, -2.854, 0.4041, -0.1668, 2.217, 2.21,
        -0.05715, -0.1482, 5.91,
    ),
    "median": (
        2.125, 15.58, -3.968, -0.08425, 17.42, 0.7636, -1.538, 1.359, 9.364, -0.4415, -0.2337, 1.66, -0.6713,
        -0.2067, 0.07085, -5.976,
    ),
    "bilateral": (
        2.443, 13.9, 2.241, 2.539, -17.32, 0.3969, -0.03429, 1.983, 3.305, 0.305, -0.009894, 1.208, 2.729,
        0.005005, -0.01675, 3.847,
    ),
    "tv": (
        3.778, 8.946, 3.967, 4.723, -21.03, 0.01444, -0.3711, 1.601, 3.698, 0.1734, -0.01043, 0.7023, 4.527,
        0.2608, 0.06082, -0.1477,
    ),
    "wavelet": (
        3.039, 23.45, 38.9, 2.05, 4.049, 0.535, -0.8226, 2.081, 4.371, 0.152, -0.2854, 1.739, 2.73, 0.4565,
        0.06822, -4.154,
    ),
    "nlm": (
        3.556, 5.667, 3.585, 4.626, -12.28, -0.1451, -0.4736, 1.985, 1.722, -0.007057, -0.1379, 1.182, 4.73,
        -0.04619, -0.07317, -0.7112,
    ),
    "nl_ridge": (
        2.143, 30.03, 71.93, 0.7367, -5.73, -0.02942, -0.6174, 1.797, 9.885, -0.02949, -0.04696, 4.201, 0.3784,
        0.3485, 0.3339, -3.204,
    ),
    "network": (
        2.3, 24.23, 3.357, 1.82, -6.685, 0.6285, -1.855, 0.3114, 9.442, 0.4329, -0.1035, 0.1952, -0.7309,
        0.4991, 0.3048, -7.661,
    ),
    "any": (
        1.613, 21.12, -1.162, -1.84, -4.795, 1.117, -2.599, 2.167, 12.71, 0.5139, 0.5716, 3.18, -6.135, -0.135,
        0.2409, -7.344,
    ),
}

#: For each denoiser and test: lower threshold, median of good outputs, and upper threshold (the same command).
THRESHOLDS = {
    "gaussian": (
        None, 0.02848, 3.829, None, 2.873, 12.99, None, 0.02067, 0.3713, -0.09651, 0.002655, 0.2289, -1.436,
        -0.1454, 0.06766, None, -4.086, 0.4046,
    ),
    "median": (
        None, 0.278, 0.9769, None, 4.286, 13.1, None, 0.01766, 0.2934, -0.1074, 0.001504, 0.1684, -0.09127,
        0.04664, 0.6347, None, -3.169, 0.08215,
    ),
    "bilateral": (
        None, 0.07679, 3.806, None, 2.605, 12.15, None, 0.01991, 0.3272, -0.09651, 0.002655, 0.2289, -1.181,
        -0.2482, 0.08739, None, -6.776, 0.1519,
    ),
    "tv": (
        None, 0.09038, 3.842, None, 2.705, 11.91, None, 0.01517, 0.2858, -0.09651, 0.002655, 0.2289, -1.295,
        -0.1723, 0.08173, None, -4.582, 0.2119,
    ),
    "wavelet": (
        None, 0.1883, 2.258, None, 3.028, 12.2, None, 0.03072, 0.3808, -0.09651, 0.002655, 0.2289, -1.491,
        -0.04111, 0.07416, None, -3.374, 0.1495,
    ),
    "nlm": (
        None, 0.7563, 5.482, None, 3.841, 12.03, None, 0.01116, 0.2818, -0.09651, 0.002655, 0.2289, -0.8777,
        -0.1545, 0.05944, None, -4.546, -0.009207,
    ),
    "nl_ridge": (
        None, 0.06317, 3.525, None, 3.689, 11.91, None, 0.01071, 0.3759, -0.09651, 0.002655, 0.2289, -1.104,
        -0.06533, 0.07378, None, -3.152, 1.297,
    ),
    "network": (
        None, 0.2357, 3.792, None, 3.358, 11.99, None, 0.0289, 0.2602, -0.1041, 0.002074, 0.1681, -0.3806,
        -0.05335, 0.4723, None, -2.179, 0.4792,
    ),
    "any": (
        None, 0.1309, 3.881, None, 3.34, 12.8, None, 0.01892, 0.2942, -0.09271, 0.002606, 0.2304, -1.327,
        -0.08427, 0.5192, None, -3.877, 0.9402,
    ),
}

#: For each denoiser and test: shares of good outputs with an alarm, and of faulty ones that are found (python
#: benchmarks/residuals.py held-out, on crops of 14 other images). "all" is any of the tests, and any fault.
RATES = {
    "gaussian": {
        "shift": (nan, nan), "detail": (nan, nan), "stripes": (nan, nan), "level": (nan, nan),
        "variance": (nan, nan), "smoothing": (nan, nan), "all": (nan, nan),
    },
    "median": {
        "shift": (nan, nan), "detail": (nan, nan), "stripes": (nan, nan), "level": (nan, nan),
        "variance": (nan, nan), "smoothing": (nan, nan), "all": (nan, nan),
    },
    "bilateral": {
        "shift": (nan, nan), "detail": (nan, nan), "stripes": (nan, nan), "level": (nan, nan),
        "variance": (nan, nan), "smoothing": (nan, nan), "all": (nan, nan),
    },
    "tv": {
        "shift": (nan, nan), "detail": (nan, nan), "stripes": (nan, nan), "level": (nan, nan),
        "variance": (nan, nan), "smoothing": (nan, nan), "all": (nan, nan),
    },
    "wavelet": {
        "shift": (nan, nan), "detail": (nan, nan), "stripes": (nan, nan), "level": (nan, nan),
        "variance": (nan, nan), "smoothing": (nan, nan), "all": (nan, nan),
    },
    "nlm": {
        "shift": (nan, nan), "detail": (nan, nan), "stripes": (nan, nan), "level": (nan, nan),
        "variance": (nan, nan), "smoothing": (nan, nan), "all": (nan, nan),
    },
    "nl_ridge": {
        "shift": (nan, nan), "detail": (nan, nan), "stripes": (nan, nan), "level": (nan, nan),
        "variance": (nan, nan), "smoothing": (nan, nan), "all": (nan, nan),
    },
    "network": {
        "shift": (nan, nan), "detail": (nan, nan), "stripes": (nan, nan), "level": (nan, nan),
        "variance": (nan, nan), "smoothing": (nan, nan), "all": (nan, nan),
    },
    "any": {
        "shift": (nan, nan), "detail": (nan, nan), "stripes": (nan, nan), "level": (nan, nan),
        "variance": (nan, nan), "smoothing": (nan, nan), "all": (nan, nan),
    },
}

#: Of `agreement_check`: the same shares (python benchmarks/residuals.py agreement).
AGREEMENT = (0.014, 0.990)
# fmt: on
