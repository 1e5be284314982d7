"""How Sphinx builds the handbook; `make docs` runs it."""

import os
import sys
import warnings
from pathlib import Path

HERE = Path(__file__).parent

# AiiDA makes a folder for its configuration where it is imported, and the build is not to make one at home.
os.environ["AIIDA_PATH"] = str(HERE / "_build")
warnings.filterwarnings("ignore", message="Creating AiiDA configuration folder")
sys.path.insert(0, str(HERE))

from aiida.manage.configuration import get_config  # noqa: E402 - after the lines above

import aiida_superionic  # noqa: E402

# Sphinx looks at every attribute of a class, at those that AiiDA deprecates too.
get_config(create=True).set_option("warnings.showdeprecations", False)

project = "aiida-superionic"
author = "The aiida-superionic developers"
copyright = f"{author}, MIT licence"  # noqa: A001 - Sphinx calls it so
version = release = aiida_superionic.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",
    "generated",
]
exclude_patterns = ["_build"]
nitpicky = True
# There are no pages for single functions and classes: what a docstring refers to is found in the source.
nitpick_ignore_regex = [("py:.*", ".*")]
highlight_language = "none"
napoleon_google_docstring = False
autodoc_typehints = "none"
add_module_names = False
toc_object_entries = False
myst_enable_extensions = ["attrs_block", "deflist", "dollarmath"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"aiida-superionic {version}"
html_static_path = ["static"]
html_css_files = ["style.css"]
html_copy_source = False
