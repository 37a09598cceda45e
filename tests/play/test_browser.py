"""The page in a real Chromium: its network against NumPy's, and its controls.

The file is long because all its tests need the same browser and the same page.
"""

import importlib.util
import json
import re

import numpy as np
import pytest
import screenshots

from xor_torch import Parameters, initial_weights, manual, truth_table
from xor_torch.play import Run, make_page, write_page

pytestmark = [
    pytest.mark.outside,
    pytest.mark.skipif(
        screenshots.CHROMIUM is None or importlib.util.find_spec("playwright") is None,
        reason="opens the page in a browser: needs Chromium and pip install -e '.[browser]'",
    ),
]

X, y = truth_table()
NAMES = ("dW1", "db1", "dW2", "db2")


@pytest.fixture(scope="module")
def browser():
    with screenshots.browser_page(1440, 1000) as page:
        page.errors, page.requests = [], []
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on("console", lambda said: page.errors.append(said.text))
        page.on("request", lambda request: page.requests.append(request.url))
        yield page


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("a page") / "play.html"
    write_page(path)
    return path


@pytest.fixture
def show(browser, file):
    """Open the page with an address; at the end it has logged nothing and loaded nothing."""
    browser.errors.clear()
    browser.requests.clear()
    browser.set_viewport_size({"width": 1440, "height": 1000})

    opened = set()

    def show(address="", path=file):
        opened.add(path.as_uri())
        browser.goto("about:blank")  # another address alone loads nothing
        browser.goto(path.as_uri() + address)
        trained(browser)
        return browser

    yield show
    assert browser.errors == []
    assert {url.split("#")[0] for url in browser.requests} <= opened


def trained(page):
    page.wait_for_selector("body[data-trained=true]", timeout=60_000)


def flat(parameters):
    return np.concatenate([part.ravel() for part in parameters])


@pytest.fixture(scope="module")
def notebook():
    epochs = list(manual.train(X, y, initial_weights(42)))
    last = epochs[-1]
    final = manual.descend(last.parameters, last.backward.gradients, 0.1)
    return np.array([epoch.mse for epoch in epochs]), flat(final)


def test_seed_42_for_10000_epochs_is_the_notebooks_run(show, notebook):
    # The steps are the same, but a browser's Math.exp and NumPy's exp may round the last place
    # differently, and so may a sum in BLAS. What differs by 1e-16 in a step grows to 1e-14 in the
    # run, as between NumPy and torch, and the bound leaves a factor of a hundred.
    losses, weights = notebook
    page = show()
    ours = np.array(page.evaluate("[...timeline.losses.slice(0, 10000)]"))
    assert np.abs(ours / losses - 1).max() < 1e-12
    end = np.array(page.evaluate("[...timeline.flatAt(10000)]"))
    assert np.abs(end - weights).max() < 1e-12 * np.abs(weights).max()
    assert page.locator("#verdict").inner_text() == "Seed 42: stuck at 1/8 after 10,000 epochs"
    assert "01 and 11 lie on the same side" in page.locator("#why").inner_text()


def the_pages_gradients(page, parameters, loss="mse"):
    """The same names and shapes as `manual.backward` gives."""
    weights = {name: part.tolist() for name, part in parameters._asdict().items()}
    found = page.evaluate(
        "([weights, loss]) => backward(X, Y, weights, forward(X, weights), loss)", [weights, loss]
    )
    return {name: np.array(found[name]) for name in NAMES}


def largest_difference(found, expected):
    """The largest difference of all gradients, as a share of the largest gradient."""
    scale = max(np.abs(g).max() for g in expected.values())
    return max(np.abs(found[name] - expected[name]).max() for name in NAMES) / scale


def random_networks():
    draw = np.random.RandomState(0)
    for hidden in (1, 2, 3, 8):
        for spread in (0.1, 1, 5):
            shapes = (2, hidden), (1, hidden), (hidden, 1), (1, 1)
            yield Parameters(*(spread * draw.randn(*shape) for shape in shapes))


def expected_gradients(parameters, loss="mse"):
    step = manual.forward(X, parameters)
    back = manual.backward(X, y, parameters, step)
    if loss == "bce":
        dz2 = step.a2 - y
        dz1 = dz2 @ parameters.W2.T * step.a1 * (1 - step.a1)
        sums = [part.sum(axis=0, keepdims=True) for part in (dz1, dz2)]
        return dict(zip(NAMES, (X.T @ dz1, sums[0], step.a1.T @ dz2, sums[1]), strict=True))
    return {name: getattr(back, name) for name in NAMES}


@pytest.mark.parametrize("loss", ["mse", "bce"])
def test_gradients_at_random_weights(show, loss):
    page = show()
    for parameters in random_networks():
        found = the_pages_gradients(page, parameters, loss)
        assert largest_difference(found, expected_gradients(parameters, loss)) < 1e-12


@pytest.mark.parametrize(
    "right, wrong",
    [
        ("2 * (a - t)", "(a - t)"),
        ("dot(dz2, transpose(W2))", "dot(dz2, transpose(W2.map(([w]) => [w * 1.000001])))"),
        ("const db1 = sumRows(dz1)", "const db1 = sumRows(da1)"),
        ("(a) => a * (1 - a)", "(a) => 1 - a * a"),
    ],
)
def test_a_wrong_gradient_in_the_page_is_caught(show, tmp_path, right, wrong):
    text = make_page()
    assert text.count(right) == 1
    path = tmp_path / "wrong.html"
    path.write_text(text.replace(right, wrong), encoding="utf-8")
    page = show("#epochs=100", path)
    apart = [
        largest_difference(the_pages_gradients(page, p), expected_gradients(p))
        for p in random_networks()
    ]
    assert max(apart) > 1e-8


@pytest.mark.parametrize("loss", ["mse", "bce"])
def test_the_followed_loss_has_these_gradients(show, loss):
    # by central differences: their error is about 1e-10 of the loss at this distance
    page = show()
    slopes = page.evaluate(
        """(loss) => {
        const start = flatten(initialWeights(7, 3));
        const at = (i, by) => {
            const moved = start.slice();
            moved[i] += by;
            return followedLoss(forward(X, unflatten(moved, 3)), Y, loss);
        };
        return [...start.keys()].map((i) => (at(i, 1e-5) - at(i, -1e-5)) / 2e-5);
    }""",
        loss,
    )
    gradients = the_pages_gradients(page, initial_weights(7, 3), loss)
    expected = np.concatenate([gradients[name].ravel() for name in NAMES])
    np.testing.assert_allclose(slopes, expected, rtol=0, atol=1e-8 * np.abs(expected).max())


def test_momentum_is_torchs(show):
    import torch

    from xor_torch import XOR, squared_error

    net = XOR(seed=5, hidden=3)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    inputs, targets = torch.from_numpy(X), torch.from_numpy(y)
    for _ in range(300):
        optimizer.zero_grad()
        squared_error(net(inputs), targets).backward()
        optimizer.step()
    page = show("#seed=5&hidden=3&momentum=0.9&epochs=300")
    found = np.array(page.evaluate("[...timeline.flatAt(300)]"))
    np.testing.assert_allclose(found, flat(net.to_numpy()), rtol=1e-10)


@pytest.mark.parametrize("count", [40, pytest.param(200, marks=pytest.mark.slow)])
def test_seeds_end_as_the_sweep_says(show, count):
    page = show("#epochs=100")
    found = page.evaluate(
        """(length) => Array.from({ length }, (_, seed) => {
        const settings = { lr: 0.1, loss: "mse", momentum: 0 };
        const run = new Timeline(flatten(initialWeights(seed, 2)), 2, settings, 10000);
        run.trainUntil(10000);
        const { name, level } = classify(run.parametersAt(10000), settings, 10000);
        return name === "plateau" ? String(Math.round(1 / level)) : name === "solved" ? "s" : "m";
    }).join("")""",
        count,
    )
    assert found == page.evaluate(f"EMBEDDED.outcomes.slice(0, {count})")
    assert {*"s"} < {*found}  # and some are stuck


# --- the controls ---


def test_the_address_holds_everything(show):
    address = (
        "#seed=3&hidden=4&lr=0.5&loss=bce&momentum=0.25&epochs=1000&at=400&pattern=2"
        "&speed=100&kick=0.5&weight=7&line=3&gradients=1&early=1&size=1&theme=dark"
        "&touch=100:lr:2,200:kick:1:77,300:4:-1.5"
    )
    page = show(address)
    assert page.evaluate("location.hash") == address
    assert page.locator("#epoch").input_value() == "400"
    assert page.locator("#lr").input_value() == "2"
    assert page.locator("#loss").input_value() == "bce"
    assert page.locator("#speed").input_value() == "100"
    assert page.locator("#kick-size").input_value() == "0.5"
    assert page.locator("#weight-title").inner_text() == "One weight: W1[1,3]"
    assert page.locator("#loss-title").inner_text() == "The gradient"
    assert page.locator("li.now code").first.inner_text() == "a2 = sigmoid(z2)"
    assert page.locator("#notice").inner_text() == ""
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    before = page.evaluate("[...timeline.flatAt(1000)]")
    show("#seed=1")
    assert show(address).evaluate("[...timeline.flatAt(1000)]") == before


@pytest.mark.parametrize(
    "address, words",
    [
        (
            "#seed=1000&hidden=9&lr=0&epochs=1e9&at=-1&pattern=4&momentum=1&loss=l1",
            [
                "Seed: a whole number from 0 to 999, not \u201c1000\u201d.",
                "Hidden units: a whole number from 1 to 8, not \u201c9\u201d.",
                "Learning rate: a number from 0.001 to 100, not \u201c0\u201d.",
                "The loss is mse or bce, not \u201cl1\u201d.",
            ],
        ),
        (
            "#seed=x&hidden=&lr=nan&touch=,1:2,a:b:c:d,5:99:1,5:kick:inf,1:lr:-1",
            ["not \u201cx\u201d", "not \u201c\u201d", "5 of 5 changes cannot be made here."],
        ),
        ("#seed=<b>42</b>", ["not \u201c<b>42</b>\u201d"]),
        ("#&&&===%20", []),
    ],
)
def test_an_address_that_makes_no_sense_opens_seed_42_and_is_told(show, address, words):
    page = show(address)
    assert page.locator("#verdict").inner_text().startswith("Seed 42: stuck at 1/8")
    assert page.evaluate("timeline.touches") == []
    said = page.locator("#notice").inner_text()
    assert bool(said) == bool(words)
    for part in words:
        assert part in said


@pytest.mark.parametrize(
    "field, typed, words",
    [
        ("seed", "1000", "Seed: a whole number from 0 to 999."),
        ("hidden", "2.5", "Hidden units: a whole number from 1 to 8."),
        ("lr", "-1", "Learning rate: a number from 0.001 to 100."),
        ("momentum", "1", "Momentum: a number from 0 to 0.99."),
    ],
)
def test_a_number_that_is_refused_is_put_back_and_told(show, field, typed, words):
    page = show("#epochs=100")
    before = page.locator(f"#{field}").input_value()
    page.fill(f"#{field}", typed)
    page.keyboard.press("Enter")
    assert page.locator("#notice").inner_text() == words
    assert page.locator(f"#{field}").input_value() == before
    page.select_option("#speed", "10")  # the next thing that somebody does
    assert page.locator("#notice").inner_text() == ""


def change(page, how):
    if how == "lr":
        page.fill("#lr", "1")
        page.keyboard.press("Enter")
    elif how == "weight":
        page.get_by_role("slider", name=re.compile(r"^W1\[0,0\]")).focus()
        page.keyboard.press("ArrowUp")
    else:
        page.click("#kick")


@pytest.mark.parametrize("how", ["kick", "lr", "weight"])
def test_a_change_at_the_last_epoch_has_a_future(show, how):
    # the page opens there: without a future a kick would change nothing that anybody sees
    page = show("#epochs=500")
    before = page.evaluate("[...timeline.losses]")
    change(page, how)
    page.wait_for_selector("#undo:enabled")
    trained(page)
    after = page.evaluate("[...timeline.losses]")
    assert len(after) == 1001
    assert after[:500] == before[:500]
    page.click("#undo")
    page.wait_for_selector("#undo:disabled", state="attached")
    trained(page)
    assert page.evaluate("[...timeline.losses]") == before


def test_more_room_changes_no_number(show):
    page = show("#epochs=500")
    change(page, "lr")
    page.wait_for_selector("#undo:enabled")
    trained(page)
    grown = page.evaluate("[...timeline.rows]")
    assert show("#epochs=1000&touch=500:lr:1").evaluate("[...timeline.rows]") == grown


def test_the_most_epochs_are_told(show):
    page = show("#epochs=100000&hidden=1")
    page.click("#kick")
    page.wait_for_selector("#undo:enabled")
    assert "at most 100,000 epochs" in page.locator("#notice").inner_text()


def test_the_length_of_the_gradient_is_numpys(show):
    page = show("#seed=3&epochs=2000&size=1")
    found = np.array(page.evaluate("[...timeline.norms]"))[:2000]
    epochs = manual.train(X, y, initial_weights(3), epochs=2000)
    gradients = [np.concatenate([g.ravel() for g in e.backward.gradients]) for e in epochs]
    np.testing.assert_allclose(found, [np.linalg.norm(g) for g in gradients], rtol=1e-10)
    assert "length of the gradient" in page.locator(".size-note").inner_text()
    # what TensorBoard would cut off is on the chart
    top = page.evaluate("curve_.y(Math.max(...timeline.norms))")
    assert top > page.evaluate("MARGIN.top")


def test_the_keyboard_alone(show):
    page = show("#at=100")
    page.keyboard.press(".")
    page.wait_for_selector("#epoch-number:text('101')")
    page.keyboard.press(",")
    page.wait_for_selector("#epoch-number:text('100')")
    page.keyboard.press("g")
    page.wait_for_selector("body.gradients")
    page.keyboard.press("3")
    page.wait_for_selector("tr.chosen:nth-child(4)")
    page.keyboard.press("]")
    page.wait_for_selector("li.now:first-child")
    assert page.locator("#line-said").inner_text().startswith("z1 = x W1 + b1. ")
    page.keyboard.press("k")
    page.wait_for_selector("#touches:text('1 change')")
    page.keyboard.press("u")
    page.wait_for_selector("#undo:disabled", state="attached")
    label = page.get_by_role("slider", name=re.compile(r"^W2\[1,0\]"))
    label.focus()
    before = float(label.get_attribute("aria-valuenow"))
    page.keyboard.press("ArrowUp")
    trained(page)
    page.wait_for_selector("#undo:enabled")
    assert float(label.get_attribute("aria-valuenow")) == pytest.approx(before + 0.1, abs=1e-3)
    page.locator("body").press(" ")
    page.wait_for_selector("#play:text('Pause')")
    page.locator("body").press(" ")
    page.wait_for_selector("#play:text('Play')")


def test_a_dragged_weight_changes_the_future_only(show):
    page = show("#at=500")
    before = page.evaluate("[...timeline.losses]")
    label = page.get_by_role("slider", name=re.compile(r"^W1\[0,0\]"))
    box = label.bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + 165, box["y"] + 5, steps=4)
    page.mouse.up()
    page.wait_for_selector("#undo:enabled")
    trained(page)
    after = page.evaluate("[...timeline.losses]")
    assert after[:500] == before[:500]
    assert after[500] != before[500]
    assert page.evaluate("timeline.touches.length") == 1  # one change, however many moves
    page.keyboard.press("r")
    page.wait_for_selector("#undo:disabled", state="attached")
    trained(page)
    assert page.evaluate("[...timeline.losses]") == before


def test_the_seed_is_chosen_from_the_lists(show):
    page = show()
    assert page.locator("#stuck option").count() == 1 + 259
    page.select_option("#solved", "3")
    page.wait_for_selector("#verdict:text('Seed 3: solved')")
    page.fill("#seed", "5000")
    page.locator("#seed").blur()
    assert page.locator("#seed").input_value() == "3"


def test_it_plays_to_the_end(show):
    page = show("#epochs=100&at=0")
    page.select_option("#speed", "100")
    page.click("#play")
    page.wait_for_selector("#play:text('Pause')")
    page.wait_for_selector("#play:text('Play')", timeout=60_000)
    assert page.locator("#epoch").input_value() == "100"


@pytest.mark.parametrize("hidden", [1, 8])
def test_nothing_sticks_out(show, hidden):
    page = show(f"#hidden={hidden}&gradients=1&epochs=100")
    outside = """() => [...document.querySelectorAll(
        "button, select, input, .weight-label, .node, canvas, td, h2")].filter((element) => {
        const box = element.getBoundingClientRect();
        return box.width && (box.left < -1 || box.right > innerWidth + 1);
    }).map((element) => element.outerHTML.slice(0, 80))"""
    for width in (360, 768, 1440, 3840):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(100)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(outside) == [], width


def test_everything_has_a_name_for_those_who_listen(show):
    page = show()
    nameless = """() => [...document.querySelectorAll(
        "button, select, input, canvas, [role=img], [role=slider]")].filter((element) =>
        !(element.getAttribute("aria-label") || element.textContent.trim() ||
          element.labels?.[0]?.textContent.trim())
    ).map((element) => element.outerHTML.slice(0, 80))"""
    assert page.evaluate(nameless) == []


def test_a_run_of_yours(show, tmp_path, notebook):
    epochs = list(manual.train(X, y, initial_weights(5000), lr=0.5, epochs=500))
    last = epochs[-1]
    final = manual.descend(last.parameters, last.backward.gradients, 0.5)
    curve = [(e.number, e.mse) for e in epochs[::100]]
    path = tmp_path / "my run.html"
    write_page(path, Run("<b>version_7</b>", 5000, 2, 0.5, 500, final, curve))
    page = show("", path)
    words = page.locator("#run").inner_text()
    assert "Your run <b>version_7</b>: seed 5000" in words
    apart = float(re.search(r"the same to (\S+)\.", words)[1])
    assert apart < 1e-13
    assert page.locator("circle.logged").count() == len(curve)
    page.keyboard.press("Home")
    page.get_by_role("button", name="Set the run's weights here").click()
    page.wait_for_selector("#undo:enabled")
    assert page.evaluate("[...timeline.flatAt(500)]") == json.loads(
        json.dumps(flat(final).tolist())
    )
