"""The programs that the examples of a page talk to, and the shell that they run in."""

import os
import re
import selectors
import signal
import subprocess
import tempfile
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 300  # `cargo run` may have to compile.
COMMAND_SECONDS = 60


class Server:
    """A gateway, started by a command line as a page shows it, on a free port or on the given one."""

    def __init__(self, command: str, cwd: Path, binary: Path, port: int = 0):
        self.output = tempfile.TemporaryFile("w+")
        environment = {
            **os.environ,
            "HOUSTON_GATEWAY_SERVER_LISTEN": f"127.0.0.1:{port}",
            "PATH": f"{binary.parent}:{os.environ['PATH']}",
        }
        self.process = subprocess.Popen(
            ["bash", "-c", command],
            cwd=cwd,
            env=environment,
            stdout=self.output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.address = self.wait(r"on (http://127\.0\.0\.1:\d+)")
        self.wait_until_ready()

    def wait(self, pattern: str) -> str:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            self.output.seek(0)
            text = self.output.read()
            if found := re.search(pattern, text):
                return found[1]
            if self.process.poll() is not None:
                raise OSError(f"the server ended at once:\n{text}")
            time.sleep(0.05)
        raise OSError("the server did not start in time")

    def wait_until_ready(self) -> None:
        """A gateway has to ask Houston for its version first, which takes a moment."""
        for _ in range(100):
            with suppress(OSError), urllib.request.urlopen(f"{self.address}/readyz"):
                return
            time.sleep(0.05)
        raise OSError("the gateway does not become ready")

    @property
    def port(self) -> int:
        return int(self.address.split(":")[2].split("/")[0])

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(30)


class Demo(Server):
    """A gateway with a simulated Houston inside."""

    def __init__(self, binary: Path):
        super().__init__("exec houston-gateway serve --demo", binary.parent, binary)


class Simulator(Server):
    """A simulated Houston that stands for a real one."""

    def __init__(self, binary: Path):
        super().__init__("exec houston-sim --listen 127.0.0.1:0", binary.parent, binary)
        self.address += "/v1"

    def wait_until_ready(self) -> None:
        """It is, as soon as it listens."""


@dataclass
class Done:
    """What a command printed, and how it ended."""

    status: int
    output: str
    statuses: list[int]


class Shell:
    """A bash that keeps its variables from one example to the next. `curl` notes the status of every answer."""

    END = "==end-of-example=="

    def __init__(self, cwd: Path, binary: Path):
        self.notes = tempfile.NamedTemporaryFile("r")
        environment = {
            **os.environ,
            "PATH": f"{binary.parent}:{os.environ['PATH']}",
            "LC_ALL": "C.UTF-8",
            "CURL_NOTES": self.notes.name,
        }
        self.process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=cwd,
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.write(
            """curl() { command curl --write-out '%{stderr}answered %{http_code}\\n' "$@" 2>> "$CURL_NOTES"; }\n"""
        )

    def write(self, text: str) -> None:
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def run(self, commands: str) -> Done:
        """Runs commands; the status is that of the last."""
        self.write(f"{{ {commands.rstrip()}\n}} < /dev/null\n_status=$?; echo; echo {self.END} $_status\n")
        output, _, status = self.read().rpartition(self.END)
        statuses = [int(status) for status in re.findall(r"answered (\d{3})", self.notes.read())]
        return Done(int(status), output.removesuffix("\n"), statuses)

    def read(self) -> str:
        """What is printed up to the end of the commands."""
        text, deadline = "", time.monotonic() + COMMAND_SECONDS
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while not re.search(f"^{self.END} \\d+\n", text, re.M):
                if not selector.select(deadline - time.monotonic()):
                    raise OSError(f"the example does not end:\n{text}")
                chunk = os.read(self.process.stdout.fileno(), 65536).decode()
                if not chunk:
                    raise OSError(f"the shell ended:\n{text}")
                text += chunk
        return text

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(10)
