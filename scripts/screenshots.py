"""Make the pictures in docs/: real runs, a real TensorBoard, a real browser.

    pip install -c constraints.txt -e '.[browser]'     and Chromium: apt-get install chromium
    python scripts/screenshots.py

tests/lit/test_browser.py looks at the same runs, in the same browser.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


def train_three(log_dir: Path) -> None:
    """One run that learns XOR, one that is stuck at loss 1/8, one that is still moving."""
    import xor_torch

    xor_torch.fit(xor_torch.XORModule(seed=3), 10_000, log_dir, check=True)
    xor_torch.fit(xor_torch.XORModule(seed=42), 10_000, log_dir)
    xor_torch.fit(xor_torch.XORModule(seed=42), 1_500, log_dir)


@contextmanager
def tensorboard(log_dir: Path) -> Iterator[str]:
    """A TensorBoard of `log_dir` on a free port of the loopback address; its URL."""
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", log_dir.name]
    with subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", "0", "--load_fast", "false"],
        cwd=log_dir.parent,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            for line in server.stderr:
                if match := re.search(r"http://127\.0\.0\.1:\d+/", line):
                    yield match[0]
                    return
            raise RuntimeError("TensorBoard ended before it named its address")
        finally:
            server.terminate()


@contextmanager
def browser_page(width: int = 1500, height: int = 900) -> Iterator:
    """A page of headless Chromium, driven by playwright."""
    from playwright.sync_api import sync_playwright

    # the machine's own Chromium, without the parts of it that contact other hosts
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", *quiet]
        )
        try:
            yield browser.new_page(viewport={"width": width, "height": height})
        finally:
            browser.close()


def open_tab(page, url: str, tab: str) -> None:
    """Show one of TensorBoard's tabs; its data is loaded when its first text is there."""
    page.goto("about:blank")  # the tab is the URL's fragment, which alone loads nothing
    page.goto(f"{url}?darkMode=false&smoothing=0#{tab}&_smoothingWeight=0")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # the pictures show a path that readers know
        log_dir = Path("lightning_logs")
        train_three(log_dir)
        with tensorboard(log_dir) as url, browser_page(1440, 800) as page:
            open_tab(page, url, "custom_scalars")
            page.get_by_text("answer to 11, should be 0").wait_for()
            page.wait_for_timeout(1500)  # the curves grow into their place
            page.screenshot(path=DOCS / "tensorboard-learning.png")
            open_tab(page, url, "images")
            page.locator("img").nth(2).wait_for()
            page.wait_for_timeout(1500)
            page.screenshot(path=DOCS / "tensorboard-network.png")
            open_tab(page, url, "timeseries")
            page.get_by_role("combobox", name="Filter tags (regex)").fill("norm/log10_gradient_W")
            page.get_by_text("Ignore outliers in chart scaling").click()
            page.get_by_role("button", name="Close side pane").click()
            page.get_by_text("norm/log10_gradient_W2").first.wait_for()
            page.wait_for_timeout(1500)
            page.screenshot(path=DOCS / "tensorboard-gradients.png")
            open_tab(page, url, "text")
            page.locator("[id^='checkbox-version_0']").click()  # the stuck one is the first then
            page.get_by_text("Not solved: stuck").first.wait_for()
            page.wait_for_timeout(1500)
            page.screenshot(path=DOCS / "tensorboard-text.png")


if __name__ == "__main__":
    main()
