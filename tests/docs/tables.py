"""Writes the tables of the documentation that the program knows better than people: its routes and its problems.

    python tables.py [--check]

A table stands between `<!-- table: NAME -->` and `<!-- end -->`. `--check` changes nothing and fails if one is not what
the program says.
"""

import csv
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("GATEWAY_BINARY", ROOT / "target" / "debug" / "houston-gateway")


def rows(command: str) -> list[dict[str, str]]:
    """The table that a command of the program prints."""
    text = subprocess.run([BINARY, command], check=True, capture_output=True, text=True).stdout
    return list(csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))


def table(heads: list[str], body: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *body]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def coverage() -> str:
    """Each root field of Houston, with the routes that call it and the releases that have them."""
    lines = []
    for row in rows("routes"):
        for field in row["houston"].split(" | "):
            name, _, own = field.partition(" (")
            releases = own.removesuffix(")") or row["releases"]
            lines.append([f"`{name}`", f"`{row['method']} {row['path']}`", row["operation"], releases])
    return table(
        ["Houston", "route", "operation", "Houston releases"],
        sorted(lines, key=lambda line: (line[0].lower(), line[1])),
    )


def problems() -> str:
    """Each code, by status, with its cause and its cure."""
    lines = [
        [
            f'<a id="{row["code"].lower().replace("_", "-")}"></a>`{row["code"]}`',
            row["status"],
            row["cause"],
            row["cure"],
        ]
        for row in sorted(rows("problems"), key=lambda row: int(row["status"]))
    ]
    return table(["code", "status", "cause", "cure"], lines)


TABLES = {"docs/houston-coverage.md": ("coverage", coverage), "docs/errors.md": ("problems", problems)}


def main() -> int:
    wrong = 0
    for name, (which, make) in TABLES.items():
        page = ROOT / name
        text = page.read_text()
        before, _, rest = text.partition(f"<!-- table: {which} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        if not end:
            sys.exit(f"{name} has no place for the table {which}")
        current = f"{before}<!-- table: {which} -->\n\n{make()}\n{end}{after}"
        if "--check" not in sys.argv:
            page.write_text(current)
        elif current != text:
            wrong += 1
            print(f"{name} is not up to date: run .ci/documents")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
