"""The plan of the library, held against its source: who imports whom, what is long or named twice.

Nothing here imports the library: the source is read. ``make lint`` runs this file.
"""

import ast
import graphlib
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
LIBRARY = REPOSITORY / "vsclib"

# The rooms, ground floor first. A room imports from its floor and from those above it in this list.
FLOORS = (
    ("errors", "arguments", "files", "configuration", "randomness"),
    ("spike_slab",),
    (
        "schedules",
        "own_networks",
        "networks",
        "inference",
        "decoder_gradient",
        "inference_precision",
    ),
    ("data",),
    ("models",),
    ("checkpoints", "training", "linear"),
    ("metrics", "sklearn"),
    ("checks",),
    ("figures", "traversal"),
    ("records", "runs"),
    ("refiner",),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
# What a room is asked for by its own name, as in `data.load` or `refiner.load`.
ROOM_VERBS = {"create", "evaluate", "load", "main", "names", "register", "run", "save"}
# What every module of a room has for the room to find.
SHARED_FORM = {"data": {"INFORMATION", "load"}}

LINES_OF_THE_LIBRARY = 20_600
LINES_OF_A_FILE = 350
LINES_OF_A_FUNCTION = 60
COLUMNS = 100
IGNORED_TYPES = 8


@cache
def modules() -> dict[str, Path]:
    """Every module of the library by its dotted name."""
    found = {}
    for path in sorted(LIBRARY.rglob("*.py")):
        parts = path.relative_to(REPOSITORY).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def source(path: Path) -> str:
    """A file's text."""
    return path.read_text(encoding="utf-8")


@cache
def tree(path: Path) -> ast.Module:
    """A file's syntax tree."""
    return ast.parse(source(path))


def imports_of(code: ast.Module, name: str, known: set[str]) -> Iterator[tuple[int, str]]:
    """Line and target of a module's imports of known ones, inside functions and for types too."""
    for node in ast.walk(code):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = name.split(".")[: -node.level] if node.level else []
            start = ".".join([*package, *([node.module] if node.module else [])])
            # The version is said at the front door, and every room may name it.
            names = [alias.name for alias in node.names if alias.name != "__version__"]
            inner = [f"{start}.{imported}" for imported in names]
            found = [full if full in known else start for full in inner]
        else:
            continue
        yield from ((node.lineno, target) for target in found if target in known)


@cache
def imports() -> tuple[tuple[str, int, str], ...]:
    """Every import inside the library: from where, at which line, of what."""
    known = set(modules())
    return tuple(
        (name, line, target)
        for name, path in modules().items()
        for line, target in imports_of(tree(path), name, known)
    )


def room(name: str) -> str:
    """The room of a module, empty for the front door `vsclib` itself."""
    return name.split(".")[1] if "." in name else ""


def circle(edges: dict[str, set[str]]) -> list[str]:
    """A circle among the imports, or nothing."""
    try:
        graphlib.TopologicalSorter(edges).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return []


def place(name: str, line: int) -> str:
    """Where to look."""
    return f"{modules()[name].relative_to(REPOSITORY).as_posix()}:{line}"


def length_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """A function's lines from `def` to its end, its docstring left out."""
    first = function.body[0]
    length = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is not None:
        length -= first.end_lineno - first.lineno + 1
    return length


def public_names(code: ast.Module) -> list[str]:
    """The classes, functions and constants that a module defines at its top."""
    found = []
    for node in code.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.append(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found += [
                part.id
                for target in targets
                for part in ast.walk(target)
                if isinstance(part, ast.Name)
            ]
    return [name for name in dict.fromkeys(found) if not name.startswith("_")]


# -------------------------------------------------------------------------------- who imports whom


def test_every_room_has_its_floor() -> None:
    rooms = {room(name) for name in modules() if room(name)} - {"__main__"}
    homeless = sorted(rooms - set(FLOOR))
    assert homeless == [], (
        f"vsclib/{homeless[0]} stands on no floor: add it to FLOORS here and to CONTRIBUTING.md, "
        "or put its code into a room that is there"
    )


def test_no_import_runs_back_up() -> None:
    wrong = [
        f"{place(name, line)}: {room(name)} imports {target}, which stands later in the plan"
        for name, line, target in imports()
        # A command stands in front of the house: it may ask any room.
        if not name.endswith(".__main__")
        and room(name) in FLOOR
        and FLOOR.get(room(target), len(FLOORS)) > FLOOR[room(name)]
    ]
    assert wrong == [], "\n".join(
        [*wrong, "move what is shared to the earlier room, or pass it in as an argument"]
    )


def test_no_circle_among_the_modules() -> None:
    edges: dict[str, set[str]] = defaultdict(set)
    for name, _, target in imports():
        edges[name].add(target)
    found = circle(edges)
    assert found == [], f"{' <- '.join(found)}: give what they share a module of its own"


def test_the_library_knows_no_document() -> None:
    outside = {"ledger", "tests", "results", "book", "assignments", "benchmarks"}
    wrong = [
        f"{path.relative_to(REPOSITORY)} imports {target}"
        for name, path in modules().items()
        for _, target in imports_of(tree(path), name, outside)
    ]
    assert wrong == [], "\n".join([*wrong, "vsclib must work from its wheel alone: turn the arrow"])


# ----------------------------------------------------------------------------------- how long it is


def test_the_library_is_small() -> None:
    lengths = {path: len(source(path).splitlines()) for path in modules().values()}
    total = sum(lengths.values())
    longest = sorted(lengths, key=lengths.get, reverse=True)[:5]
    assert total <= LINES_OF_THE_LIBRARY, (
        f"vsclib has {total} lines, {total - LINES_OF_THE_LIBRARY} too many; its longest files are "
        f"{', '.join(f'{path.relative_to(REPOSITORY)} ({lengths[path]})' for path in longest)}: "
        "look for what is said twice"
    )


def test_no_file_is_long() -> None:
    lengths = {path: len(source(path).splitlines()) for path in modules().values()}
    wrong = [
        f"{path.relative_to(REPOSITORY)}: {length} lines"
        for path, length in lengths.items()
        if length > LINES_OF_A_FILE
    ]
    assert wrong == [], "\n".join([*wrong, f"at most {LINES_OF_A_FILE}: split it by idea"])


def test_no_function_is_long() -> None:
    wrong = [
        f"{place(name, node.lineno)}: {node.name} has {length_of(node)} lines without its docstring"
        for name, path in modules().items()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and length_of(node) > LINES_OF_A_FUNCTION
    ]
    assert wrong == [], "\n".join([*wrong, f"at most {LINES_OF_A_FUNCTION}: give its parts names"])


def test_lines_fit_the_width() -> None:
    lines = [
        (place(name, number), len(line))
        for name, path in modules().items()
        for number, line in enumerate(source(path).splitlines(), start=1)
    ]
    wide = [f"{where}: {width} columns" for where, width in lines if width > COLUMNS]
    assert len(wide) <= len(lines) / 100, "\n".join(
        [
            *wide,
            f"{len(wide)} of {len(lines)} lines are over {COLUMNS} columns, 1 % may: break them",
        ]
    )


def test_few_types_are_ignored() -> None:
    ignored = [
        place(name, number)
        for name, path in modules().items()
        for number, line in enumerate(source(path).splitlines(), start=1)
        if re.search(r"#\s*type:\s*ignore", line)
    ]
    assert len(ignored) <= IGNORED_TYPES, "\n".join(
        [
            *ignored,
            f"{len(ignored)} ignored types, at most {IGNORED_TYPES}: say the type that it is",
        ]
    )


# -------------------------------------------------------------------------------- what has one name


def test_no_public_name_twice() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for name, path in modules().items():
        for public in public_names(tree(path)):
            if public not in SHARED_FORM.get(room(name), set()):
                places[public].append(name)
    wrong = [
        f"{public}: {', '.join(found)}"
        for public, found in sorted(places.items())
        if len(found) > 1
        and not (public in ROOM_VERBS and len(set(map(room, found))) == len(found))
    ]
    assert wrong == [], "\n".join(
        [
            *wrong,
            "rename one by what it is, import it from the other, or begin it with _ if only its "
            f"module needs it; one a room may be called {', '.join(sorted(ROOM_VERBS))}",
        ]
    )


def test_no_file_name_twice() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in modules().values():
        if path.name not in ("__init__.py", "__main__.py"):
            places[path.name].append(path.relative_to(REPOSITORY).as_posix())
    wrong = [", ".join(found) for found in places.values() if len(found) > 1]
    assert wrong == [], "\n".join([*wrong, "rename one by what is in it"])


# ------------------------------------------------------------------------------ the tests can fail


def test_imports_in_functions_and_for_types_are_seen() -> None:
    text = (
        "if TYPE_CHECKING:\n    from vsclib.runs import Experiment\n"
        "def f():\n    import vsclib.refiner\n    from vsclib import training, __version__\n"
        "    from . import links\n"
    )
    known = {"vsclib", "vsclib.runs", "vsclib.refiner", "vsclib.training", "vsclib.data.links"}
    found = set(imports_of(ast.parse(text), "vsclib.data.mnist", known))
    assert found == {
        (2, "vsclib.runs"),
        (4, "vsclib.refiner"),
        (5, "vsclib.training"),
        (6, "vsclib.data.links"),
    }


@pytest.mark.parametrize("target, found", [("a", True), ("d", False)])
def test_a_circle_would_be_found(target: str, found: bool) -> None:
    assert bool(circle({"a": {"b"}, "b": {"c"}, "c": {target}})) is found


def test_a_docstring_does_not_make_a_function_long() -> None:
    (function,) = ast.parse('def f():\n    """Say.\n\n    More.\n    """\n    return 1\n').body
    assert length_of(function) == 2


def test_public_names_are_classes_functions_and_constants() -> None:
    text = "import os\nA = 1\nB, _C = 2, 3\nD: int = 4\nclass E:\n    F = 5\ndef g(): ...\n"
    assert public_names(ast.parse(text)) == ["A", "B", "D", "E", "g"]
