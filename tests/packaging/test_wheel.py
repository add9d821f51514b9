"""The wheel holds our four packages and nothing else on the top level, and runs far from the checkout."""

import json
import os
import shutil
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEEDED = (
    "monitor/py.typed",
    "monitor/default_config/tocsin.yaml",
    "monitor/default_config/demo/tocsin.yaml",
    "monitor/default_config/policies/wildix.yaml",
    "monitor/storage/migrations/env.py",
    "monitor/web/templates/board.html",
    "monitor/web/documents/sla.html",
    "monitor/web/static/console.css",
    "statuspage/static/tocsin.css",
    "alerts/templates/en.yaml",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    ignored = shutil.ignore_patterns(
        ".venv", ".git", "tests", ".mypy_cache", ".ruff_cache", "node_modules", ".tools"
    )
    shutil.copytree(ROOT, source, ignore=ignored)
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(folder),
        str(source),
    ]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    [found] = folder.glob("*.whl")
    return found


def test_the_wheel_claims_exactly_our_top_level_names(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {
        "monitor",
        "checks",
        "alerts",
        "statuspage",
    }


@pytest.mark.parametrize("needed", NEEDED)
def test_the_wheel_carries_its_data(wheel, needed):
    assert needed in zipfile.ZipFile(wheel).namelist()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_wheel_runs_the_demo_in_an_empty_environment_away_from_the_checkout(wheel, tmp_path):
    """Dependencies come from this environment by a .pth file: what is proven is that nothing of the checkout is needed."""
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    python = environment / "bin" / "python"
    here = next(Path(p) for p in sys.path if p.endswith("site-packages"))
    install = [str(python), "-m", "pip", "install", "-q", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    [site] = (environment / "lib").glob("python*/site-packages")
    borrowed = tmp_path / "borrowed"
    borrowed.mkdir()
    for entry in here.iterdir():  # everything but our own editable install
        if not entry.name.startswith(("tocsin", "_tocsin", "__editable__")):
            (borrowed / entry.name).symlink_to(entry)
    (site / "borrowed.pth").write_text(f"{borrowed}\n")
    process = subprocess.Popen(
        [
            str(environment / "bin" / "tocsin"),
            "demo",
            "--port",
            "0",
            "--data-dir",
            str(tmp_path / "data"),
            "--json",
        ],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={k: v for k, v in os.environ.items() if not k.startswith("PYTHON")},
    )
    try:
        first = process.stdout.readline()
        assert first, process.stderr.read()
        said = json.loads(first)
        page = urllib.request.urlopen(said["status_page"], timeout=10).read().decode()
        assert "Alpenglow" in page
        where = subprocess.run(
            [str(python), "-c", "import monitor; print(monitor.__file__)"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        assert str(environment) in where.stdout
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode == 0
