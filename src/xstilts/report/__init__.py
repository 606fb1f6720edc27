"""The answer, told: one HTML file, a table for the terminal, Markdown and LaTeX, pictures."""

from xstilts.report.downloads import write_csv
from xstilts.report.figure_files import write_figures
from xstilts.report.figures import write_picture
from xstilts.report.html import write_html
from xstilts.report.latex import write_latex
from xstilts.report.markdown import write_markdown
from xstilts.report.terminal import print_answer

__all__ = [
    "print_answer",
    "write_csv",
    "write_figures",
    "write_html",
    "write_latex",
    "write_markdown",
    "write_picture",
]
