import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import sk_denoise

sys.path.insert(0, str(Path(__file__).parent))
import house
import images_page
import networks_page
import residuals_page
import results_page
import scale_page
import self_supervised_page

results_page.make()  # from the CSV files of benchmarks/recovery.py
images_page.make()  # from the CSV files of benchmarks/images
networks_page.make()  # from quality.csv, defaults.csv and provenance.csv in benchmarks/results
residuals_page.make()  # from the CSV files of benchmarks/residuals.py
self_supervised_page.make()  # from the CSV files of benchmarks/self_supervised
scale_page.make()  # from the CSV files of benchmarks/scale.py
house.draw(results_page.OUT / "house.svg")

project = "sk_denoise"
copyright = "2026, the sk_denoise developers"
release = version = sk_denoise.__version__
extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc", "myst_parser", "sphinx_gallery.gen_gallery"]
exclude_patterns = ["_build", "auto_examples/*.ipynb", "generated_results"]
html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_title = f"sk_denoise {version}"
html_theme_options = {"show_prev_next": True, "header_links_before_dropdown": 5}
html_sidebars = {"**": []}
templates_path = ["_templates"]
autosummary_generate = True
numpydoc_show_class_members = False
# The docstrings of these generated methods refer to the glossary of scikit-learn.
autodoc_default_options = {
    "members": True,
    "inherited-members": False,
    "exclude-members": ", ".join(
        f"set_{method}_request" for method in ("fit", "partial_fit", "predict", "score", "transform")
    ),
}
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": "plot_",
    "show_memory": False,
    "write_computation_times": False,
    "min_reported_time": 1e9,  # times of a busy machine would mislead
}
suppress_warnings = ["config.cache"]
