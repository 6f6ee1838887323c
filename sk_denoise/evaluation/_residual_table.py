"""Thresholds, weights and rates of `residual_check`, all printed by benchmarks/residuals.py."""

from math import nan

#: Names of the tests, in the order of the thresholds.
TESTS = ("shift", "detail", "peak", "brightness", "stripes", "level", "variance", "smoothing")

#: The faults that the rates are for, by test; "variance" has none.
FAULTS = {
    "shift": "a shift of half a pixel or one",
    "detail": "a missing disc of 2 sigma, 12 pixels wide",
    "peak": "a missing pixel of 10 sigma",
    "brightness": "an offset of 0.2 sigma",
    "stripes": "stripes of half a sigma",
    "level": "a level that is wrong by 25 %",
    "smoothing": "blur by one pixel, or too strong a setting",
    "agreement": "a disc of 1 sigma, 12 pixels wide, in one image",
}

# fmt: off
#: Weights of the features of "smoothing" for each denoiser, and the intercept (python benchmarks/residuals.py
#: thresholds, on crops of ten images).
WEIGHTS = {
    "gaussian": (
        2.719, 17.08, 7.17, 2.258, -2.232, 0.7767, 0.05792, 2.418, -2.854, 0.4041, -0.1668, 2.217, 2.21,
        -0.05715, -0.1482, 5.91,
    ),
    "median": (
        2.127, 15.59, -3.963, -0.08123, 17.42, 0.7636, -1.538, 1.358, 9.364, -0.4416, -0.2338, 1.659, -0.6715,
        -0.2067, 0.07081, -5.977,
    ),
    "bilateral": (
        2.443, 13.9, 2.239, 2.539, -17.32, 0.3969, -0.03429, 1.983, 3.305, 0.305, -0.009893, 1.208, 2.729,
        0.005005, -0.01675, 3.847,
    ),
    "tv": (
        3.778, 8.946, 3.967, 4.723, -21.03, 0.01444, -0.3711, 1.601, 3.698, 0.1734, -0.01043, 0.7023, 4.527,
        0.2608, 0.06082, -0.1477,
    ),
    "wavelet": (
        3.039, 23.45, 38.9, 2.05, 4.049, 0.535, -0.8226, 2.081, 4.371, 0.152, -0.2854, 1.739, 2.729, 0.4565,
        0.06823, -4.153,
    ),
    "nlm": (
        3.557, 5.673, 3.598, 4.625, -12.28, -0.1452, -0.4735, 1.985, 1.722, -0.007034, -0.1378, 1.181, 4.732,
        -0.0462, -0.07318, -0.7114,
    ),
    "nl_ridge": (
        2.144, 30.03, 71.96, 0.7377, -5.73, -0.02931, -0.6173, 1.797, 9.885, -0.0295, -0.04695, 4.201, 0.379,
        0.3485, 0.334, -3.203,
    ),
    "network": (
        2.236, 23.8, 2.17, 1.779, -6.668, 0.6299, -1.858, 0.3259, 9.402, 0.4365, -0.1029, 0.269, -0.7337,
        0.5014, 0.3042, -7.654,
    ),
    "any": (
        1.595, 20.95, -1.332, -1.835, -4.796, 1.117, -2.598, 2.18, 12.71, 0.5151, 0.5703, 3.196, -6.135, -0.135,
        0.2411, -7.339,
    ),
}

#: For each denoiser and test: lower threshold, median of good outputs, and upper threshold (the same command).
THRESHOLDS = {
    "gaussian": (
        None, 0.02848, 3.828, None, 2.873, 12.96, None, 0.7923, 1.513, -1.989, 8.754e-09, 1.989, None, 0.02067,
        0.3713, -0.09651, 0.002655, 0.2289, -1.436, -0.1454, 0.06766, None, -4.086, 0.4046,
    ),
    "median": (
        None, 0.2766, 0.975, None, 4.285, 13.03, None, 0.9088, 2.084, -2.041, 0.03716, 2.109, None, 0.01766,
        0.2934, -0.1074, 0.001504, 0.1684, -0.09127, 0.04662, 0.6345, None, -3.166, 0.08218,
    ),
    "bilateral": (
        None, 0.0756, 3.807, None, 2.605, 12.11, None, 0.6997, 1.231, -1.997, 0.002263, 2.036, None, 0.01991,
        0.3272, -0.09651, 0.002655, 0.2289, -1.181, -0.2482, 0.08739, None, -6.776, 0.1519,
    ),
    "tv": (
        None, 0.09038, 3.84, None, 2.705, 11.88, None, 0.5309, 1.235, -1.989, 8.609e-09, 1.984, None, 0.01517,
        0.2858, -0.09651, 0.002655, 0.2289, -1.295, -0.1723, 0.08173, None, -4.582, 0.2119,
    ),
    "wavelet": (
        None, 0.1883, 2.257, None, 3.028, 12.17, None, 0.7822, 1.219, -1.999, 6.143e-05, 1.986, None, 0.03072,
        0.3808, -0.09651, 0.002655, 0.2289, -1.491, -0.04111, 0.07416, None, -3.374, 0.1494,
    ),
    "nlm": (
        None, 0.7546, 5.488, None, 3.835, 11.98, None, 0.7366, 1.136, -2.023, -0.01114, 2.013, None, 0.01116,
        0.2818, -0.09651, 0.002655, 0.2289, -0.878, -0.1545, 0.05944, None, -4.546, -0.009305,
    ),
    "nl_ridge": (
        None, 0.06135, 3.528, None, 3.691, 11.87, None, 0.7932, 1.242, -2.009, -0.005568, 1.994, None, 0.01071,
        0.3759, -0.09651, 0.002655, 0.2289, -1.104, -0.06533, 0.07378, None, -3.152, 1.297,
    ),
    "network": (
        None, 0.2349, 3.791, None, 3.351, 11.98, None, 0.8023, 1.43, -2.17, -0.04021, 1.845, None, 0.0289,
        0.2602, -0.1041, 0.002074, 0.1681, -0.3806, -0.05335, 0.4723, None, -2.221, 0.5099,
    ),
    "any": (
        None, 0.1309, 3.876, None, 3.342, 12.76, None, 0.7783, 1.46, -2.095, 1.253e-08, 2.059, None, 0.01892,
        0.2942, -0.09271, 0.002606, 0.2304, -1.327, -0.08427, 0.5191, None, -3.88, 0.9407,
    ),
}

#: For each denoiser and test: shares of good outputs with an alarm, and of faulty ones that are found (python
#: benchmarks/residuals.py held-out, on crops of 14 other images). "all" is any of the tests, and any fault.
RATES = {
    "gaussian": {
        "shift": (0.000, 1.000), "detail": (0.000, 1.000), "peak": (0.000, 0.986), "brightness": (0.000, 1.000),
        "stripes": (0.000, 0.986), "level": (0.014, 0.986), "variance": (0.014, nan), "smoothing": (0.081, 0.905),
        "all": (0.108, 0.978),
    },
    "median": {
        "shift": (0.070, 0.965), "detail": (0.014, 1.000), "peak": (0.028, 0.127), "brightness": (0.000, 1.000),
        "stripes": (0.000, 1.000), "level": (0.000, 0.986), "variance": (0.000, nan), "smoothing": (0.014, 0.963),
        "all": (0.099, 0.908),
    },
    "bilateral": {
        "shift": (0.000, 1.000), "detail": (0.000, 1.000), "peak": (0.000, 0.986), "brightness": (0.000, 1.000),
        "stripes": (0.000, 1.000), "level": (0.014, 0.986), "variance": (0.000, nan), "smoothing": (0.000, 0.986),
        "all": (0.014, 0.993),
    },
    "tv": {
        "shift": (0.000, 1.000), "detail": (0.000, 1.000), "peak": (0.000, 1.000), "brightness": (0.000, 1.000),
        "stripes": (0.014, 0.986), "level": (0.014, 0.986), "variance": (0.000, nan), "smoothing": (0.027, 0.978),
        "all": (0.054, 0.996),
    },
    "wavelet": {
        "shift": (0.000, 0.953), "detail": (0.000, 1.000), "peak": (0.014, 1.000), "brightness": (0.000, 1.000),
        "stripes": (0.000, 1.000), "level": (0.014, 0.986), "variance": (0.000, nan), "smoothing": (0.041, 0.925),
        "all": (0.068, 0.980),
    },
    "nlm": {
        "shift": (0.000, 0.980), "detail": (0.000, 1.000), "peak": (0.000, 1.000), "brightness": (0.000, 1.000),
        "stripes": (0.027, 0.973), "level": (0.014, 0.986), "variance": (0.000, nan), "smoothing": (0.000, 0.992),
        "all": (0.041, 0.993),
    },
    "nl_ridge": {
        "shift": (0.000, 1.000), "detail": (0.000, 1.000), "peak": (0.000, 1.000), "brightness": (0.000, 1.000),
        "stripes": (0.000, 1.000), "level": (0.014, 0.986), "variance": (0.000, nan), "smoothing": (0.000, 0.811),
        "all": (0.014, 0.965),
    },
    "network": {
        "shift": (0.000, 0.993), "detail": (0.000, 1.000), "peak": (0.014, 1.000), "brightness": (0.000, 1.000),
        "stripes": (0.000, 0.901), "level": (0.000, 0.986), "variance": (0.028, nan), "smoothing": (0.085, 0.896),
        "all": (0.113, 0.973),
    },
    "any": {
        "shift": (0.002, 0.962), "detail": (0.002, 1.000), "peak": (0.010, 0.974), "brightness": (0.000, 1.000),
        "stripes": (0.007, 0.976), "level": (0.010, 0.988), "variance": (0.002, nan), "smoothing": (0.041, 0.857),
        "all": (0.072, 0.962),
    },
}

#: Of `agreement_check`: the same shares (python benchmarks/residuals.py agreement).
AGREEMENT = (0.014, 0.990)
# fmt: on
