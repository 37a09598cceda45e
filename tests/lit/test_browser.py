"""TensorBoard as users see it: real runs, a real server on loopback, a real browser."""

import importlib.util

import pytest
import screenshots

pytestmark = [
    pytest.mark.outside,
    pytest.mark.skipif(
        screenshots.CHROMIUM is None or importlib.util.find_spec("playwright") is None,
        reason="looks at TensorBoard in a browser: needs Chromium and pip install -e '.[browser]'",
    ),
]


RUNS = [
    "version_0/seed3-lr0.1-width2-solved",
    "version_1/seed42-lr0.1-width2-stuck-at-0.125",
    "version_2/seed42-lr0.1-width2-moving",
]


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    log_dir = tmp_path_factory.mktemp("logs") / "lightning_logs"
    screenshots.train_three(log_dir)
    with screenshots.tensorboard(log_dir) as url:
        yield url


@pytest.fixture(scope="module")
def browser():
    with screenshots.browser_page() as page:
        page.errors = []
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on(
            "console",
            lambda said: page.errors.append(said.text) if said.type == "error" else None,
        )
        yield page


@pytest.fixture
def show(url, browser, tmp_path_factory, request):
    """Open a tab; at the end, check that the page reported no error, and keep a screenshot."""
    browser.errors.clear()

    def show(tab):
        screenshots.open_tab(browser, url, tab)
        return browser

    yield show
    folder = tmp_path_factory.getbasetemp() / "screenshots"
    folder.mkdir(exist_ok=True)
    browser.screenshot(path=folder / f"{request.node.name}.png")
    assert browser.errors == []


def sees(page, *texts, timeout=30_000):
    for text in texts:
        page.get_by_text(text).filter(visible=True).first.wait_for(timeout=timeout)


def test_time_series(show):
    page = show("timeseries")
    sees(page, *RUNS, "loss/mse", "network")
    page.get_by_role("combobox", name="Filter tags (regex)").fill(
        "prediction/|solved|parity|weight/W2"
    )
    sees(page, "prediction/00", "prediction/11", "parity/W1", "solved/0_or_1", "weight/W2_0_0")
    assert page.get_by_text("hp_metric").count() == 0
    assert page.get_by_text("epoch", exact=True).count() == 0


def test_scalars(show):
    page = show("scalars")
    sees(page, "tag: loss/mse", "tag: norm/log10_gradient_W1")
    page.locator("vz-line-chart2 svg").first.wait_for()


def test_custom_scalars(show):
    page = show("custom_scalars")
    titles = [
        "loss",
        "log10 of the gradient of W1, shaded up to its peak",
        "answer to 00, should be 0",
        "answer to 01, should be 1",
        "answer to 10, should be 1",
        "answer to 11, should be 0",
    ]
    sees(page, "learning", *titles)
    # in the order in which they are to be read: left to right, then down
    boxes = [page.get_by_text(title, exact=True).bounding_box() for title in titles]
    assert sorted(boxes, key=lambda box: (box["y"], box["x"])) == boxes


def test_with_every_default_the_peak_is_drawn_as_it_was_measured(show, url):
    page = show("custom_scalars")
    page.goto("about:blank")
    page.goto(f"{url}#custom_scalars")
    page.get_by_text("answer to 11, should be 0").wait_for()
    page.wait_for_timeout(2000)
    charts = page.evaluate("""() => {
        const charts = {};
        const walk = root => root.querySelectorAll("*").forEach(e => {
            if (e.tagName === "TF-CUSTOM-SCALAR-MARGIN-CHART-CARD") {
                const chart = e.$.loader.$.chart._chart;
                charts[e.title] = {
                    domain: chart.yScale.domain(), smoothed: chart.smoothingEnabled === true,
                    highest: Math.max(...chart.datasets.flatMap(d => d.data().map(p => p.scalar))),
                };
            }
            if (e.shadowRoot) walk(e.shadowRoot);
        });
        walk(document);
        return charts;
    }""")
    assert len(charts) == 6
    assert not any(chart["smoothed"] for chart in charts.values())
    gradient = charts["log10 of the gradient of W1, shaded up to its peak"]
    assert gradient["highest"] > -1.1  # that of seed 3
    assert gradient["highest"] < gradient["domain"][1]


def test_images(show):
    page = show("images")
    sees(page, "network", "9,999", "1,499")
    pictures = page.locator("tf-image-loader img, .image-container img, img")
    pictures.nth(2).wait_for()
    page.wait_for_function("""() => {
        const images = [];
        const walk = root => root.querySelectorAll("*").forEach(e => {
            if (e.tagName === "IMG" && e.src.includes("individualImage")) images.push(e);
            if (e.shadowRoot) walk(e.shadowRoot);
        });
        walk(document);
        return images.length === 3 && images.every(i => i.naturalWidth === 700);
    }""")


def test_text(show):
    page = show("text")
    sees(page, "Solved.", "Not solved: stuck on the plateau at loss 1/8.")
    sees(page, "Not solved, still moving.", "The network does not tell the rows 01, 11 apart")


def test_hparams(show):
    page = show("hparams")
    sees(page, *RUNS, "stuck at 1/8", "2-2-1", "loss/mse", "seed")
    page.get_by_text("Parallel Coordinates View").click()
    sees(page, "solved/first_epoch")
    # one line a run in the background and one in the foreground
    page.locator("svg .foreground path").nth(2).wait_for(state="attached")
