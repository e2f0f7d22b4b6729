"""Where python-for-android begins."""

import asyncio

from onebar_app.phone.start import run

if __name__ == "__main__":
    asyncio.run(run())
