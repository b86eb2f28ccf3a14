"""Runs every example of the documentation against the gateway, and holds what it prints against what is written.

    python run.py [--bless] [PAGE...]

Every fenced block has a language that says what is done with it, and words behind it that say how (they do not show
when the page is read):

    console           `$ ` lines are run in one shell for the whole page; the rest is their output. Each has to end
                      well: one that is meant to fail goes on with `|| echo …` or `; echo $?`
    sh                run in the same shell; every answer has to be a success
    sh background     started, and used by the rest of the page; without one the page gets a demo of its own
    sh elsewhere=WHY  not run here; the number of these is printed
    python            run; a `text output` block that follows is what it prints
    json              has to be JSON; `json POST /path 201` is sent as the system administrator
    json n8n, node-red, logic-apps      a flow: its requests are sent as that system sends them
    hcl               created, read, changed and destroyed as Terraform's restapi provider does it
    graphql, toml, yaml, python, sh with file=NAME      written to that file in the folder where the page's examples run
    html, http, text  only read

What differs from run to run (ids, times, ports, request ids) is taken as equal. `--bless` writes what came into the
page.
"""

import difflib
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import flows
from processes import Demo, Server, Shell, Simulator

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("TARGET", ROOT / "target"))
BINARY = Path(os.environ.get("GATEWAY_BINARY", TARGET / "debug" / "houston-gateway"))

# The addresses that the pages use, as a reader would.
GATEWAY = "http://127.0.0.1:8080"
HOUSTON = "https://houston.example.com/v1"

# What is another in every run, and what stands for it when two texts are compared.
VARYING = [
    (re.compile(r"\bc[a-z0-9]{24}\b"), "<id>"),
    (re.compile(r"\b[a-z]+-[a-z]+-\d{4}\b"), "<release>"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT[0-9:.]+Z"), "<time>"),
    (re.compile(r"(?i)\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} [0-9:]{8} GMT"), "<date>"),
    (re.compile(r"(?i)(request-?id\"?: *\"?)[\w-]+"), r"\1<request>"),
    (re.compile(r"(?im)^(etag: |age: |content-length: ).*$"), r"\1<varies>"),
    (re.compile(r"\(request [0-9a-f]+\)"), "(request <request>)"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "<hash>"),
    (re.compile(r"\b[0-9a-f]{24}\b"), "<request>"),
]


@dataclass
class Block:
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    words: list[str]
    text: str
    marks: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


class Wrong(Exception):
    """An example that does not do what the page says."""


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found, fence = [], None
    lines = page.read_text().splitlines()
    for number, line in enumerate(lines, 1):
        if fence is None and (start := re.match(r"^( *)(```+)(\S*) *(.*)$", line)):
            indent, fence, language, rest = start.groups()
            words = rest.split()
            marks = dict(word.split("=", 1) for word in words if "=" in word)
            found.append(Block(page, number, language, [word for word in words if "=" not in word], "", marks))
        elif fence is not None and line.strip() == fence:
            fence = None
        elif fence is not None:
            found[-1].text += line.removeprefix(indent) + "\n"
    return found


def same(text: str) -> str:
    """A text with everything that varies taken out."""
    for pattern, stand_in in VARYING:
        text = pattern.sub(stand_in, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def compare(expected: str, actual: str) -> None:
    """Fails if two outputs differ; a line `...` stands for any lines."""
    expected, actual = same(expected), same(actual)
    pattern = "".join(
        r"(?:.*\n)*?" if line.strip() == "..." else re.escape(line) + "\n" for line in expected.splitlines()
    )
    if not re.fullmatch(pattern, actual + "\n" if actual else ""):
        raise Wrong(
            "\n".join(difflib.unified_diff(expected.splitlines(), actual.splitlines(), "page", "run", lineterm=""))
        )


def commands(text: str) -> list[tuple[str, str]]:
    """The commands of a console block as they are written, each with the output that follows it.

    A command goes on after a backslash at the end of its line, and with lines that start with `> `.
    """
    found: list[tuple[str, str]] = []
    for line in text.splitlines():
        command, output = found[-1] if found else ("", "")
        if line.startswith("$ "):
            found.append((line + "\n", ""))
        elif not found:
            raise Wrong("a console block starts with `$ `")
        elif not output and (command.endswith("\\\n") or line.startswith("> ")):
            found[-1] = (f"{command}{line}\n", "")
        else:
            found[-1] = (command, f"{output}{line}\n")
    return found


class Page:
    """One page: its servers, its shell, and the folder in which its examples run."""

    def __init__(self, path: Path, bless: bool):
        self.path, self.bless = path, bless
        self.blocks = blocks(path)
        self.folder = tempfile.TemporaryDirectory()
        self.server: Server | None = None
        self.houston: Simulator | None = None
        self._shell: Shell | None = None

    def close(self) -> None:
        for each in (self._shell, self.server, self.houston):
            if each:
                each.close()
        self.folder.cleanup()

    @property
    def cwd(self) -> Path:
        """The project, or for a page that writes files a folder of its own."""
        return Path(self.folder.name) if any("file" in block.marks for block in self.blocks) else ROOT

    @property
    def address(self) -> str:
        if self.server is None:
            self.server = Demo(BINARY)
        return self.server.address

    @property
    def shell(self) -> Shell:
        if self._shell is None:
            self._shell = Shell(self.cwd, BINARY)
        return self._shell

    def here(self, text: str) -> str:
        """A text of the page with the addresses that it has in this run."""
        if HOUSTON in text:
            self.houston = self.houston or Simulator(BINARY)
            text = text.replace(HOUSTON, self.houston.address)
        if "127.0.0.1:8080" in text:
            text = text.replace("127.0.0.1:8080", self.address.removeprefix("http://"))
        return text

    def there(self, text: str) -> str:
        """What was printed in this run with the addresses that the page uses."""
        if self.houston:
            text = text.replace(self.houston.address, HOUSTON)
        if self.server:
            text = text.replace(self.server.address.removeprefix("http://"), "127.0.0.1:8080")
        return text

    def replace(self, block: Block, text: str) -> None:
        """Writes other contents into a block of the page."""
        lines = self.path.read_text().splitlines()
        start = blocks(self.path)[self.blocks.index(block)].line
        lines[start : start + len(block.text.splitlines())] = text.splitlines()
        self.path.write_text("\n".join(lines) + "\n")
        block.text = text

    def check(self, block: Block, expected: str, actual: str, written) -> None:
        """Compares, or writes what `written` makes of the actual text into the page."""
        try:
            compare(expected, actual)
        except Wrong:
            if not self.bless:
                raise
            self.replace(block, written(same_ends(actual)))

    # One method for each language.

    def console(self, block: Block) -> None:
        session = []
        for command, expected in commands(block.text):
            typed = re.sub(r"(?m)^[$>] ", "", command)
            done = self.shell.run(self.here(typed))
            actual = self.there(done.output)
            if done.status:
                # Whatever it printed is not what a reader should see, nor to be blessed.
                raise Wrong(f"{command}ended with {done.status}:\n{actual}")
            try:
                compare(expected, actual)
                session.append((command, expected))
            except Wrong as wrong:
                if not self.bless:
                    raise Wrong(f"{command}{wrong}") from None
                session.append((command, same_ends(actual)))
        text = "".join(f"{command}{output}" for command, output in session)
        if text != block.text:
            self.replace(block, text)

    def sh(self, block: Block) -> None:
        if "background" in block.words:
            port = 0
            if self.server:
                # As for a reader, who has one address: variables of the shell hold it.
                port = self.server.port
                self.server.close()
            self.server = Server(self.here(block.text).strip(), self.cwd, BINARY, port)
            return
        done = self.shell.run(self.here(block.text))
        if done.status or any(status >= 400 for status in done.statuses):
            raise Wrong(f"exit status {done.status}, HTTP {done.statuses}\n{done.output}")

    def python(self, block: Block) -> None:
        text = self.here(block.text)
        environment = {**os.environ, "HOUSTON_TOKEN": "demo-workspace-admin"}
        done = subprocess.run(
            [sys.executable, "-c", text], cwd=self.cwd, env=environment, capture_output=True, text=True, timeout=60
        )
        if done.returncode:
            raise Wrong(done.stdout + done.stderr)
        position = self.blocks.index(block) + 1
        if position < len(self.blocks) and self.blocks[position].words == ["output"]:
            follows = self.blocks[position]
            self.check(follows, follows.text, self.there(done.stdout), lambda actual: actual)

    def json(self, block: Block) -> None:
        value = json.loads(self.here(block.text))
        match block.words:
            case []:
                return
            case [kind] if kind in flows.KINDS:
                flows.KINDS[kind](value, self.address)
            case [method, path, status]:
                answer = flows.send(method, self.address + path, value, {"X-API-Key": "demo-system-admin"})
                if answer.status != int(status):
                    raise Wrong(f"{answer.status} {answer.text}")
            case words:
                raise Wrong(f"nothing knows what to do with json {' '.join(words)}")

    def hcl(self, block: Block) -> None:
        flows.terraform(self.here(block.text), self.address)

    def yaml(self, block: Block) -> None:
        flows.kubernetes(self.here(block.text), self.address)

    def run(self, block: Block) -> None:
        if name := block.marks.get("file"):
            path = self.cwd / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.here(block.text))
        elif block.language in ("text", "html", "http", "mermaid") or "elsewhere" in block.marks:
            return
        elif block.language in ("console", "sh", "python", "json", "hcl", "yaml"):
            getattr(self, block.language)(block)
        else:
            raise Wrong(f"nothing runs a block of {block.language or 'no language'}; see tests/docs/run.py")


def same_ends(text: str) -> str:
    """A text without blank ends of lines, with one line break at its end."""
    lines = [line.rstrip() for line in text.rstrip().splitlines()]
    return "".join(f"{line}\n" for line in lines)


def links(page: Path) -> list[str]:
    """The links of a page to files and headings of the project that are not there."""
    dead = []
    prose = re.sub(r"(?ms)^ *```.*?^ *```$", "", page.read_text())
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, heading = target.partition("#")
        path = (page.parent / file).resolve() if file else page
        if not path.exists() or heading and path.suffix == ".md" and heading not in anchors(path):
            dead.append(target)
    return dead


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    prose = re.sub(r"(?ms)^ *```.*?^ *```$", "", page.read_text())
    headings = re.findall(r"(?m)^#+ +(.*)$", prose) + re.findall(r'<a id="([^"]+)"', prose)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def main() -> int:
    bless = "--bless" in sys.argv[1:]
    named = [Path(name).resolve() for name in sys.argv[1:] if not name.startswith("--")]
    pages = named or [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    passed = failed = elsewhere = 0
    for path in pages:
        page, bad = Page(path, bless), 0
        for block in page.blocks:
            elsewhere += "elsewhere" in block.marks
            try:
                page.run(block)
                passed += 1
            except (Wrong, flows.Wrong, ValueError, OSError, subprocess.SubprocessError) as wrong:
                bad += 1
                print(f"{block}: {block.language} example: {wrong}\n")
        page.close()
        for target in links(path):
            bad += 1
            print(f"{path.relative_to(ROOT)}: there is nothing at {target}\n")
        failed += bad
        print(f"{'NOT OK' if bad else 'ok    '}  {path.relative_to(ROOT)} ({len(page.blocks)} examples)")
    print(f"docs: {passed - elsewhere} passed, {failed} failed, {elsewhere} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
