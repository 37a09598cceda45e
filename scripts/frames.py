"""Measures how many frames a second `xor-torch play` shows while it plays, and what a frame costs.

    python scripts/frames.py         needs what scripts/screenshots.py needs

An empty page is measured, too: it shows the most that the browser can do on this machine.
"""

import tempfile
import time
from pathlib import Path

from screenshots import browser_page

from xor_torch.play import write_page

SECONDS = 5
COUNT = """
window.frames_shown = 0;
(function next() { frames_shown++; requestAnimationFrame(next); })();
"""


def measure(page, name: str) -> None:
    """Count frames, and the main thread's processor time, for some seconds."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy() -> float:
        found = session.send("Performance.getMetrics")["metrics"]
        return next(m["value"] for m in found if m["name"] == "TaskDuration")

    page.evaluate("frames_shown = 0")
    began, before = time.perf_counter(), busy()
    page.wait_for_timeout(1000 * SECONDS)
    frames, seconds = page.evaluate("frames_shown"), time.perf_counter() - began
    cost = 1000 * (busy() - before) / frames
    print(f"{name:12} {frames / seconds:5.1f} frames a second, {cost:4.1f} ms of one core for each")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, browser_page(1280, 800) as page:
        file = Path(folder, "play.html")
        write_page(file)
        page.add_init_script(COUNT)
        page.goto("about:blank")
        measure(page, "empty page")
        page.goto(f"{file.as_uri()}#at=0")
        page.wait_for_timeout(3000)
        for name in ("paused", "playing"):
            measure(page, name)
            page.keyboard.press("Space")


if __name__ == "__main__":
    main()
