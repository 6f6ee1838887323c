"""What is no fault: right values among the wrong ones, and messages that are not this package's."""

#: Words of scikit-learn that say what is wrong; its own, and known to who uses it.
LIBRARY_WORDS = (
    r"^The '\w+' parameter of \w+ must be .* Got .* instead",
    r"^Found array with 0 (sample|feature)\(s\)",
    r"^X has \d+ features, but \w+ is expecting \d+ features as input",
    r"^Input \w+ contains (NaN|infinity)",
    r"^Sparse data was passed for \w+",
    r"^The feature names should match those that were passed during fit",
    r"^sk-denoise \w+: error: argument --",  # argparse
)

_DENOISERS = r"(DenoisingAutoencoder|EstimatorDenoiser|ImageFilter)"
_ANY = r"(NoiseInjector|DenoisingAutoencoder|EstimatorDenoiser|ImageFilter)"
_NO_LENGTH = r"object|class|function.*|generator|True|-1|0|2.5|1e40|1e400|NaN|inf|1j|date"
_WIDTHS = r"columns less|columns more|frame less a column"

#: Function, arguments and kinds (patterns), and why such values are right. None where it is the default, and True for a
#: flag, need no line.
VALID = [
    (r"NoiseInjector\.fit(_transform)?", "y", ".*", "ignored, as by scikit-learn's transformers"),
    (rf"{_DENOISERS}\.\w+", "y", _NO_LENGTH, "whatever has no length counts as labels, which are ignored"),
    (rf"{_ANY}\.fit(_transform)?|fit_rival|recovery_report", "X", _WIDTHS, "images of any size"),
    (rf"{_ANY}\.\w+", "X|Z|unit|validation_data", "rows less", "any number of rows"),
    ("DenoisingDisplay.from_estimator", "X", "rows less", "any number of rows"),
    (
        rf"{_ANY}\.fit(_transform)?",
        "X|X_clean",
        "1e300 in it",
        "an image of great contrast, where the range is read off",
    ),
    ("fit_rival|recovery_report", "X", "1e300 in it", "an image of great contrast, where the range is read off"),
    (r"(NoiseInjector|EstimatorDenoiser)\.(inject|transform)", "X", "1e300 in it", "inputs may lie outside the range"),
    (r"DenoisingDisplay\.from_estimator", "X|X_clean", "1e300 in it", "drawn as white"),
    (r"ImageFilter\.score", "X", "1e300 in it", "NaN, with a warning, for there are no clean rows"),
    (r"metrics\.\w+", "X_true|y_true", "1e300 in it", "the range is read off these rows"),
    ("NoisyArray", "noisy|clean", "(NaN|inf|1e300) in it", "only holds rows, which the next step checks"),
    (
        r"NoiseInjector\._redraw",
        "unit",
        r"columns less|columns more|(NaN|inf|1e300) in it",
        "checked before",
    ),
    (
        r"noise_models\.poisson",
        "X",
        "columns less|columns more|rows less|inf in it",
        "any; below 0 is 0",
    ),
    (
        r"noise_models\.(?!poisson)\w+",
        "X",
        r"columns less|columns more|rows less|(NaN|inf|1e300) in it",
        "checked before",
    ),
    (r"noise_models\.(salt_pepper|masking)", "level", "0", "no noise"),
    (r"noise_models\.(?!salt_pepper|masking)\w+", "level", "0|2.5|1e40", "a level"),
    ("NoiseInjector|demo.run_demo", "level", "0|2.5", "a level"),
    (r"metrics.*|NoiseInjector|ImageFilter|DenoisingDisplay.*", "data_range", "array", "a pair"),
    (_ANY, "random_state", "0", "a seed"),
    (_DENOISERS, "random_state", "True", "scikit-learn counts True as 1"),
    (
        r"RecoveryReport.compare|fit_rival|recovery_report|DenoisingDisplay.from_estimator|displays.choose_rows",
        "random_state",
        "0",
        "a seed",
    ),
    ("demo.run_demo", "seed", "0", "a seed"),
    (
        "DenoisingAutoencoder",
        "latent_dim|epochs|batch_size|patience|learning_rate",
        "True",
        "scikit-learn counts True as 1",
    ),
    ("DenoisingAutoencoder", "batch_size|patience", "1e40|1e400", "as much as there is"),
    ("DenoisingAutoencoder", "checkpoint", "text", "a file"),
    ("DenoisingAutoencoder", "verbose", "True|0|1e40|1e400", "a level of detail"),
    ("DenoisingAutoencoder", "hidden_layer_sizes", "empty list|triple|reversed pair", "sizes"),
    ("DenoisingAutoencoder", "learning_rate", "2.5", "a rate, of Adadelta for one"),
    ("DenoisingAutoencoder", "validation_split", "0", "nothing held out"),
    ("DenoisingAutoencoder", "callbacks", "empty list", "no callbacks"),
    ("DenoisingAutoencoder|EstimatorDenoiser", "noise", "None", "a plain autoencoder"),
    ("EstimatorDenoiser", "n_draws", "True", "scikit-learn counts True as 1"),
    ("ImageFilter", r"level|sigma|sigma_color|sigma_spatial|weight|h", "True|2.5", "a number"),
    ("ImageFilter", "size|patch_size|patch_distance", "True", "scikit-learn counts True as 1"),
    ("ImageFilter", "level|sigma", "0", "does nothing"),
    (r"metrics\.accuracy_recovery", ".*", "0", "an accuracy"),
    (r"architectures\.\w+", "image_shape", "triple", "an image of three channels"),
    (r"architectures\.dense", "hidden_layer_sizes", "empty list|triple|reversed pair", "sizes"),
    ("recovery_report", "denoisers", "None", "as 'passthrough' in a Pipeline"),
    ("recovery_report", "y_test", "negative numbers|zeros|strings", "classes, if other ones"),
    ("recovery_report", "levels", "triple|reversed pair|array|2.5", "levels"),
    ("recovery_report", "random_state", "None", "another draw each time"),
    ("recovery_report", "n_jobs", "-1", "as many as cores"),
    ("recovery_report", "verbose", "0|True", "a level of detail"),
    ("recovery_report", "rival", "True", "the default options"),
    ("demo.run_demo", "output", "text|near miss", "a folder"),
    ("demo.run_demo", "log", "function that gives text", "takes a line"),
    (r"sk-denoise \w+", "--output|--html|--csv", "'[^/]+'", "a file or folder"),
    (r"sk-denoise \w+", "--seed", "'0'", "a seed"),
    ("sk-denoise demo", "--output", "'no/folder/file'", "folders are made"),
    ("sk-denoise demo", "--level", "'0'|'2.5'", "a level"),
    ("sk-denoise report", "--jobs", "'-1'", "as many as cores"),
    (r"RecoveryReport\.predictions|ConfusionChangeDisplay\.from_report", "level", "0", "a level of the report"),
    (r"RecoveryReport\.to_html", "path", "text", "a file"),
    ("ConfusionChangeDisplay", "repaired|broken", "triple|zeros", "counts"),
    ("ConfusionChangeDisplay|DenoisingDisplay", "labels|notes", "triple", "one for each"),
    (r"ConfusionChangeDisplay\.from_\w+", "labels", "reversed pair", "classes"),
    (r"ConfusionChangeDisplay\.from_predictions", "y_\\w+", "negative numbers|zeros", "classes"),
    (
        r"(Denoising|Latent)Display\.from_estimator|displays\.choose_rows|LatentDisplay",
        "y",
        "negative numbers|zeros|strings",
        "classes",
    ),
    (r"displays\.choose_rows", "n_rows", "0", "no rows, none chosen"),
    ("DenoisingDisplay.from_estimator", "labels", "triple|reversed pair", "classes"),
    (r"displays\.choose_rows", "labels", "triple|reversed pair|one less|one more|zeros", "classes"),
    (r"displays\.choose_rows", "errors", "negative numbers|zeros", "errors of some measure"),
    ("LatentDisplay", "sizes", "reversed pair|array", "sizes"),
    ("LatentDisplay", "means", "reversed pair|array|numbers with NaN|negative numbers|zeros", "scores"),
    ("LatentDisplay", "spreads", "reversed pair|array", "deviations"),
    ("LatentDisplay", "codes", "rows less|1e300 in it", "points"),
    ("LatentDisplay|RecoveryDisplay", "xlabel|ylabel|legend_title", "text|empty text", "a title"),
    ("save", "path", "text|bytes", "a file"),
    (r"DenoisingAutoencoder\.to_onnx", "path", "text", "a file"),
]
#: The same for values that are right and would take forever.
NOT_RUN = [
    ("load", "max_size", "1e40|1e400", "more than any file"),
]
_OWN = "what a callable of the user's own raises is left as it is"
#: The same for messages that cannot be better from here.
EXEMPT = [
    ("NoiseInjector|DenoisingAutoencoder", "kind|architecture|loss|learning_rate", "class|function", _OWN),
    ("recovery_report", "noises|trained_on|unseen", "class|function.*", _OWN),
    ("demo.run_demo", "log", "class|function", _OWN),
    ("DenoisingAutoencoder", "loss", "function that gives text", "raised where TensorFlow computes with it"),
    (r"\w+\.get_feature_names_out", "input_features", ".*", "scikit-learn's mixin"),
    (r"metrics\.\w+_scorer", "estimator", ".*", "scikit-learn's scorer, which its searches hand an estimator"),
    (r"metrics\.\w+_scorer", "y_true", ".*", "named X_true there"),
    ("recovery_report", "levels", "1e40", "told of for each level, with the kind's own bound"),
    (r"\w+\.score", "X_clean", "1e300 in it", "named X_true there"),
    (r"sk-denoise report", "--html|--csv", ".*", "the system's words, with the file"),
    (r"save|load|DenoisingAutoencoder\.to_onnx", "path", ".*", "Python's own words for paths"),
    ("save", "estimator", ".*", "says what 'the estimator is'"),
]
