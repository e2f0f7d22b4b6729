"""`make api-fuzz`: schemathesis reads the OpenAPI description and tries whatever a stranger could send.

Every answer must be one that the description promises, in its form; none may be a 500. The exit code is schemathesis's.
"""

import asyncio
import os
import sys
import tempfile
from pathlib import Path

from onebar_mockserver import MockServer
from onebar_mockserver.limits import ServerLimits


async def main() -> int:
    """Run schemathesis against a server without rates, so that it gets behind them; return its exit code."""
    examples, seed = os.environ.get("EXAMPLES") or "100", os.environ.get("SEED") or "0"
    async with MockServer(limits=ServerLimits(rates={})) as server:
        with tempfile.TemporaryDirectory() as folder:
            command = Path(sys.executable).with_name("schemathesis")
            process = await asyncio.create_subprocess_exec(
                *(str(command), "run", f"{server.url}/openapi.json"),
                *("--max-examples", examples, "--seed", seed, "--generation-deterministic"),
                # Well-formed data is refused as it should be: nobody has signed the keys, and the code is a guess.
                *("--exclude-checks", "positive_data_acceptance"),
                cwd=folder,
            )
            return await process.wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
