"""Start a training run in processes of its own, watch it, and leave none behind."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


@dataclass
class Outcome:
    """What became of one process.

    Attributes:
      status: its exit status; negative where a signal ended it.
      steps: the losses of the steps that it made.
      result: what it said at its end.
      errors: what it wrote to its standard error.
      seconds: how long it ran.
    """

    status: int | None = None
    steps: list[float] = field(default_factory=list)
    result: dict[str, Any] = field(default_factory=dict)
    errors: str = ""
    seconds: float = 0.0


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def run(
    processes: int = 1,
    steps: int = 20,
    *,
    devices: int = 1,
    limit: float = 120.0,
    kill: tuple[int, int] | None = None,
    flags: str = "",
) -> list[Outcome]:
    """Train in some processes at a time, on this machine's CPU, and return what became of each.

    Args:
      processes: how many.
      steps: how many steps.
      devices: virtual devices of each process.
      limit: seconds after which all are killed.
      kill: a process, and the step after which it is killed.
      flags: further XLA_FLAGS.

    Returns:
      An outcome for each process. When this returns, or raises, none of them is running.

    Raises:
      TimeoutError: where one of them did not end within the limit.
    """
    outcomes = [Outcome() for _ in range(processes)]
    port = str(_free_port())
    environment = {
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices} {flags}",
    }
    running: list[subprocess.Popen[str]] = []
    readers: list[threading.Thread] = []
    began = time.monotonic()

    def read(k: int, stream: Any) -> None:
        for line in stream:
            if not line.startswith("{"):
                continue  # of what connects processes: how it did
            said = json.loads(line)
            if "losses" in said:
                outcomes[k].result = said
                continue
            outcomes[k].steps.append(said["loss"])
            if kill is not None and kill[0] == k and said["step"] >= kill[1]:
                running[k].kill()

    with tempfile.TemporaryDirectory() as folder:
        errors = [Path(folder, f"{k}.txt") for k in range(processes)]
        try:
            for k in range(processes):
                command = [sys.executable, "-m", "experiments.worker", str(steps)]
                command += ["--port", port, "--id", str(k), "--of", str(processes)]
                with errors[k].open("w") as stderr:
                    running.append(
                        subprocess.Popen(
                            command,
                            cwd=ROOT,
                            env=environment,
                            stdout=subprocess.PIPE,
                            stderr=stderr,
                            text=True,
                        )
                    )
            for k, process in enumerate(running):
                readers.append(threading.Thread(target=read, args=(k, process.stdout)))
                readers[-1].start()
            for k, process in enumerate(running):
                left = limit - (time.monotonic() - began)
                try:
                    outcomes[k].status = process.wait(max(left, 0.1))
                except subprocess.TimeoutExpired:
                    told = "\n".join(path.read_text()[-2000:] for path in errors)
                    raise TimeoutError(
                        f"process {k} of {processes} did not end within {limit} s\n{told}"
                    ) from None
                outcomes[k].seconds = time.monotonic() - began
        finally:
            for process in running:
                if process.poll() is None:
                    process.kill()
                process.wait()
            for reader in readers:
                reader.join()
            for process in running:
                if process.stdout is not None:
                    process.stdout.close()
        for outcome, path in zip(outcomes, errors, strict=True):
            outcome.errors = path.read_text()
    return outcomes
