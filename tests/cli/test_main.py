"""The command as a process: version, pipes, terminals."""

import io
import re
import subprocess
import sys
import time

import pytest
from rich.console import Console

import jaxdnn
from jaxdnn.cli import console


def test_version(jaxdnn_command):
    assert jaxdnn_command("--version").out == f"jaxdnn {jaxdnn.__version__}\n"


@pytest.mark.parametrize("command", ["compare", "export", "inspect", "optimize", "run"])
def test_help_has_examples(jaxdnn_command, command):
    result = jaxdnn_command(command, "--help")
    assert result.code == 0
    assert f"  jaxdnn {command} deploy.prototxt" in result.out
    assert max(map(len, result.out.splitlines())) <= 100


def test_a_reader_that_leaves_early(net):
    code = "from jaxdnn.cli import main; main()"
    command = [sys.executable, "-c", code, "inspect", *net]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_a_pipe_gets_whole_lines(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    console.print_table(["name", "shape"], [["a" * 300, "b" * 300]])
    assert "a" * 300 + "   " + "b" * 300 in capsys.readouterr().out


def test_a_terminal_gets_folded_cells(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm")
    console.print_table(["name", "count"], [["a" * 60, "1,234,567"]], numeric=["count"])
    text = re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue())
    assert max(map(len, text.splitlines())) <= 40
    assert text.count("a") == 60 + 1  # and the a of "name"
    assert "1,234,567" in text


@pytest.fixture
def screen(monkeypatch):
    """What the spinner writes to, as if it were a terminal."""
    screen = io.StringIO()
    monkeypatch.setattr(console, "Console", lambda **_: Console(file=screen, force_terminal=True))
    return screen


def test_a_long_wait_shows_a_spinner(screen, monkeypatch):
    monkeypatch.setattr(console, "_PATIENCE", 0.01)
    with console.status("Loading net", quiet=False):
        time.sleep(0.3)
    assert "Loading net" in screen.getvalue()


def test_a_short_or_quiet_wait_shows_nothing(screen, monkeypatch):
    with console.status("Loading net", quiet=False):
        pass
    monkeypatch.setattr(console, "_PATIENCE", 0.0)
    with console.status("Loading net", quiet=True):
        time.sleep(0.1)
    assert screen.getvalue() == ""


def test_no_spinner_without_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(console, "_PATIENCE", 0.0)
    with console.status("Loading net", quiet=False):
        time.sleep(0.1)
    assert capsys.readouterr().err == ""
