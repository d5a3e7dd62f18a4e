"""Where lines live, as far as a program can tell: what CONTRIBUTING says of the layout, held."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("ingest", "ops", "partners", "sandbox", "settings", "statemachine", "store", "workers")
#: It makes the embedded server's database and asks after no table of ours.
SETS_UP = "ops/local/postgres.py"
#: Literal tables: a machine's page is its specification, however many states it has.
TABLES = {"statemachine/fill_request.py"}
LONGEST = 300

SQL = re.compile(r"\bSELECT\b.*\bFROM\b|\b(INSERT INTO|DELETE FROM)\b|\bUPDATE \w+ (\w+ )?SET\b", re.DOTALL)
SESSIONS = re.compile(
    r"[\"';]\s*(SET (?!LOCAL)\w+ (=|TO)|LISTEN |PREPARE |DECLARE )|\bTEMP(ORARY)? TABLE\b|"
    r"\bpg_(try_)?advisory_(un)?lock(_shared)?\(|set_config\([^)]*false\)"
)
#: Numbers of a document that a reader of the repository does not have.
CITATION = re.compile(r"\bD([1-9]|1\d)\b")


def modules(*packages: str) -> Iterator[Path]:
    for package in packages or PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def statements(path: Path) -> list[int]:
    """The lines of a module on which a text of SQL begins, prose apart."""
    tree = ast.parse(path.read_text())
    prose = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose
        if SQL.search(node.value)
    ]


def test_all_sql_stands_in_the_store() -> None:
    # The sandbox keeps what it sent in a file of its own.
    others = [package for package in PACKAGES if package not in ("store", "sandbox")]
    found = {name(path): lines for path in modules(*others) if (lines := statements(path))}
    assert found.keys() <= {SETS_UP}
    assert statements(ROOT / "store" / "ledger" / "facts.py")  # it is found where it stands


def test_no_statement_holds_for_a_session() -> None:
    """A pooler gives what is said for a session to whoever comes next (docs/decisions/0022)."""
    found = [
        f"{name(path)}: {match[0]}"
        for path in modules("ingest", "ops", "store", "workers")
        for match in SESSIONS.finditer(path.read_text())
    ]
    # There the session is known to be ours alone.
    assert found == ['store/db/connections.py: "SET datestyle =']
    assert SESSIONS.search('conn.execute("SET lock_timeout = 1")')


@pytest.mark.parametrize("package", [*PACKAGES, "bench", "tests"])
def test_comments_cite_decisions_that_the_repository_has(package: str) -> None:
    pages = {page.name[:4] for page in (ROOT / "docs" / "decisions").glob("0*.md")}
    for path in modules(package):
        for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
            if token.type not in (tokenize.COMMENT, tokenize.STRING) or path == Path(__file__):
                continue
            assert not CITATION.search(token.string), f"{name(path)}:{token.start[0]}"
            for page in re.findall(r"docs/decisions/(\d{4})", token.string):
                assert page in pages, f"{name(path)}:{token.start[0]} cites {page}"


def test_a_module_holds_one_idea() -> None:
    lengths = {name(path): len(path.read_text().splitlines()) for path in modules()}
    assert {path: n for path, n in lengths.items() if n > LONGEST and path not in TABLES} == {}
    assert sorted(lengths.values())[len(lengths) // 2] <= 120
