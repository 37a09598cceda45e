"""The site of docs/. `make docs` builds it into build/site/, with warnings as errors."""

import re
from pathlib import Path

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

from xor_torch.play import write_page

logger = logging.getLogger(__name__)

project = "xor_torch"
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "myst_nb",
]
exclude_patterns = ["conf.py"]
html_theme = "furo"
pygments_style = "friendly"  # furo's own leaves a diff nearly black
html_theme_options = {"light_css_variables": {"code-font-size": "77%"}}
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_title = "xor_torch"
html_copy_source = False
html_show_copyright = False
html_math_renderer = "mathml"

default_role = "py:obj"  # `name` in a docstring is a link where there is something to link to
autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False
autodoc_typehints = "none"  # NumPy spells an array of float64 over half a line
highlight_language = "text"

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # tests/test_docs.py executes the notebook and compares


def mathml(translator, node: nodes.math | nodes.math_block) -> None:
    """A formula as MathML, which browsers draw themselves: the page loads nothing for it."""
    block = isinstance(node, nodes.math_block)
    try:
        formula = tex2mathml(node.astext(), as_block=block)
    except MathError as error:
        logger.warning("%s", error, location=node)
        formula = node.astext()
    if block:
        formula = f'<div style="overflow-x: auto; padding: 0.5em 0">{formula}</div>'
    translator.body.append(formula)
    raise nodes.SkipNode


def readme(app, docname: str, source: list[str]) -> None:
    """The README begins the site's first page; its links are from the repository's root."""
    if docname == "index":
        text = Path(app.srcdir, "../README.md").read_text()
        # Sphinx copies only the pictures that Markdown names
        text = re.sub(r"</?picture>\n|  <source .*\n", "", text)
        text = re.sub(r'<img src="([^"]+)".*? alt="([^"]+)">', r"![\2](\1)", text)
        text = re.sub(r"\]\((?!\w+:|#|docs/)", "](path:../", text).replace("](docs/", "](")
        play = Path(app.srcdir, "play.md").read_text()
        frame = re.search(r"```{raw} html\n.*?```\n", play, re.DOTALL)[0]
        source[0] = text.replace("\n## ", f"\n{frame}\n## ", 1) + "\n" + source[0]


# A block that begins so is read line by line, while a table needs its columns.
READ = re.compile(
    r"WRONG|CORRECT|CANNOT TELL|seed \d+, after|\S+:\d+:\d+: error|(make|python|xor-torch|\.) "
)


def mark_what_is_read(app, doctree: nodes.document) -> None:
    for block in doctree.findall(nodes.literal_block):
        if READ.match(block.astext()):
            block["classes"].append("read")


def playground(app, error: Exception | None) -> None:
    """The page of docs/play.md, beside the pages of the site."""
    if error is None and app.builder.format == "html":
        write_page(Path(app.outdir, "playground.html"))


def setup(app) -> None:
    app.connect("build-finished", playground)
    app.connect("source-read", readme)
    app.connect("doctree-read", mark_what_is_read)
    app.add_html_math_renderer("mathml", (mathml, None), (mathml, None))
