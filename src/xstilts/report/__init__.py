"""The answer, told: one HTML file, a table for the terminal, Markdown and LaTeX, a picture."""

from xstilts.report.figures import write_picture
from xstilts.report.html import write_html
from xstilts.report.tables import write_latex, write_markdown
from xstilts.report.terminal import print_answer

__all__ = ["print_answer", "write_html", "write_latex", "write_markdown", "write_picture"]
