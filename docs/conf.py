"""How Sphinx builds the site; `python -m docs` calls it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import convgrad

project = "convgrad"
author = "The convgrad authors"
copyright = f"2026, {author}"
version = release = convgrad.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "docs._sphinx",
]

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # notebooks are stored executed, and tests run them
nb_merge_streams = True
suppress_warnings = ["mystnb.unknown_mime_type"]

autodoc_typehints = "none"  # docstrings tell shapes and dtypes, which types do not
autodoc_member_order = "bysource"
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_custom_sections = [("Attributes", "params_style")]
default_role = "py:obj"  # `conv1d` is a link where there is such a name, and code where not
add_module_names = False
python_maximum_signature_line_length = 78
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = "convgrad"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_favicon = "static/icon.svg"
html_math_renderer = "mathml"
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#1d4ed8", "color-brand-content": "#1d4ed8"},
    "dark_css_variables": {"color-brand-primary": "#93b4ff", "color-brand-content": "#93b4ff"},
}
pygments_style = "friendly"
pygments_dark_style = "github-dark"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
