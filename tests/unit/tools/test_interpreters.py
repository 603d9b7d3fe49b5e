import sys
from pathlib import Path

import pytest

from local.tools import interpreters
from local.tools.interpreters import Interpreter


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def test_the_answer_is_the_real_binary_behind_a_name() -> None:
    found = interpreters.probe(sys.executable)
    assert found is not None
    assert found.minor == sys.version_info[:2]
    assert not found.path.is_symlink()


def test_a_shim_that_pyenv_has_not_activated_is_no_interpreter(tmp_path: Path) -> None:
    shim = script(tmp_path / "python3.13", "echo 'pyenv: python3.13: command not found' >&2; exit 127")
    assert interpreters.probe(shim) is None


def test_a_name_that_does_not_exist_is_no_interpreter(tmp_path: Path) -> None:
    assert interpreters.probe(str(tmp_path / "python3.13")) is None


def test_a_shim_leads_to_the_real_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    major, minor = sys.version_info[:2]
    script(tmp_path / f"python{major}.{minor}", f'exec "{sys.executable}" "$@"')
    monkeypatch.setenv("PATH", str(tmp_path))
    found = interpreters.find_minor((major, minor))
    assert found == interpreters.probe(sys.executable)


def test_the_lambdas_minor_is_found_in_pyenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    binary = tmp_path / "versions" / "3.13.9" / "bin"
    binary.mkdir(parents=True)
    script(binary / "python", f"echo '3|13|{binary}/python'")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert interpreters.find_minor((3, 13)) == Interpreter(binary / "python", (3, 13))


def test_a_wished_interpreter_that_is_too_old_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUSUBI_PYTHON", script(tmp_path / "python", "echo '3|10|/usr/bin/python3.10'"))
    assert interpreters.best() is None
