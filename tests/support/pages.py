"""The pages of docs/ that show code, in parts that run."""

import ast
import re
import runpy

from support.process import ROOT


def page(name):
    return (ROOT / "docs" / name).read_text()


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def rows(text):
    """The cells of all tables' rows, without heads, as lists of code in backquotes."""
    lines = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return [[re.findall("`([^`]+)`", cell) for cell in line] for line in lines if "`" in "".join(line)]


def run(folder, code, names):
    """Run code of a page, and return its names; ``result`` is the value of its last expression."""
    *lines, last = ast.parse(code).body
    if isinstance(last, ast.Expr):
        last = ast.Assign([ast.Name("result", ast.Store())], last.value, lineno=1)
    path = folder / "code.py"
    path.write_text(ast.unparse(ast.Module([*lines, last], [])))
    return runpy.run_path(str(path), init_globals=names)
