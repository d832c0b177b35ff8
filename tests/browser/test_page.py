"""The page, as a person uses it: with keyboard and eyes, on both transports, through reloads."""

from collections.abc import Iterator

import pytest

from tests.browser.apps import MARKUP
from tests.browser.conftest import browse
from tests.playground.cutting import cutting
from tests.serving import Served, serve

QUESTION = "What is 12 * (3 + 4)?"
ANSWER = [
    ["user", "What is 12 * (3 + 4)?"],
    ["thinking", "Thinking: 12 * (3 + 4) is arithmetic, and a calculator is surer than memory."],
    ["tool", 'done Tool: calculator Arguments {"expression":"12 * (3 + 4)"} Result 84'],
    ["text", "12 * (3 + 4) is 84."],
]

TRANSPORTS = pytest.mark.parametrize("transport", ["sse", "ws"])


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    # Uncompressed: a proxy that cuts has to read what passes.
    options = ("--ws-per-message-deflate", "false")
    with serve("tests.browser.apps:demo", "uvicorn-httptools-websockets", *options) as served:
        yield served


@TRANSPORTS
def test_b5_an_answer_is_whole_after_a_reload_in_its_middle_and_after_another(
    transport: str,
) -> None:
    with serve("tests.browser.apps:gated") as served:
        middle, reloaded, end, later = browse(
            served.url,
            f"""
            await page.goto(HOME);
            await page.locator('[value={transport}]').check();
            await ask(page, {QUESTION!r});
            await page.getByText('84').waitFor();
            const middle = await conversation(page);
            await page.reload();
            await page.getByText('84').waitFor();
            const reloaded = await conversation(page);
            await page.request.get(HOME + 'go');
            await page.getByText('is 84.').waitFor();
            await answered(page);
            const end = await conversation(page);
            await page.reload();
            await page.getByText('is 84.').waitFor();
            await answered(page);
            return [middle, reloaded, end, await conversation(page)];
            """,
        )

    assert middle == reloaded == ANSWER[:-1]
    assert end == later == ANSWER


def test_a_person_chooses_the_transport_and_the_conversation_goes_on_with_it(
    served: Served,
) -> None:
    shown, asked = browse(
        served.url,
        """
        const asked = [];
        page.on('websocket', (socket) => asked.push(new URL(socket.url()).pathname));
        page.on('request', (request) => {
          if (request.method() === 'POST') asked.push(new URL(request.url()).pathname);
        });
        await page.goto(HOME);
        await ask(page, 'My name is Ada.');
        await page.getByText('Nice to meet you, Ada.').waitFor();
        await answered(page);
        await page.getByLabel('WebSocket').check();
        await ask(page, 'What is my name?');
        await page.getByText('Your name is Ada.').waitFor();
        await answered(page);
        await page.reload();
        await page.getByText('Your name is Ada.').waitFor();
        return [await conversation(page), asked];
        """,
    )

    assert [each for each in shown if each[0] != "thinking"] == [
        ["user", "My name is Ada."],
        ["text", "Nice to meet you, Ada."],
        ["user", "What is my name?"],
        ["text", "Your name is Ada."],
    ]
    assert asked == ["/ask", "/ws", "/ws"]  # the reload follows on the same transport


@TRANSPORTS
def test_a_question_outlives_a_reload_and_is_answered_with_the_keyboard(
    served: Served, transport: str
) -> None:
    shown = browse(
        served.url,
        f"""
        await page.goto(HOME + '#transport={transport}');
        await ask(page, 'Convert 10 km');
        await page.getByLabel('To which unit?').waitFor();
        await page.reload();
        await page.getByLabel('To which unit?').waitFor();
        await page.keyboard.type('mi');
        await page.keyboard.press('Tab');
        await page.keyboard.press('Enter');
        await page.getByText('10 km is 6.2').waitFor();
        await answered(page);
        const shown = await conversation(page);
        await page.reload();
        await page.getByText('10 km is 6.2').waitFor();
        await answered(page);
        return [...shown, ...await conversation(page)].filter(([kind]) => kind === 'request');
        """,
    )

    assert shown == [
        ["request", "To which unit? You answered: mi"],
        ["request", "To which unit? Answered."],
    ]


@TRANSPORTS
@pytest.mark.parametrize(
    ("button", "said"), [("Approve", "Your notes are deleted."), ("Deny", "Your notes are kept.")]
)
def test_a_person_approves_of_a_tool_or_denies_it(
    served: Served, transport: str, button: str, said: str
) -> None:
    shown = browse(
        served.url,
        f"""
        await page.goto(HOME + '#transport={transport}');
        await ask(page, 'Note: buy milk');
        await page.getByText('Noted').waitFor();
        await answered(page);
        await ask(page, 'Delete my notes');
        await page.getByRole('button', {{ name: 'Approve' }}).waitFor();
        await page.keyboard.press('Enter'); // approves of nothing by itself
        await page.getByRole('button', {{ name: '{button}' }}).click();
        await page.getByText('{said}').waitFor();
        await answered(page);
        return conversation(page);
        """,
    )

    assert shown[-2:] == [
        [
            "request",
            f'Delete your notes (1)? delete_notes {{"notes":["buy milk"]}} You answered: {button}',
        ],
        ["text", said],
    ]


@TRANSPORTS
def test_escape_cancels_the_answer_and_the_next_question_is_answered(transport: str) -> None:
    with serve("tests.browser.apps:gated") as served:
        status, shown = browse(
            served.url,
            f"""
            await page.goto(HOME + '#transport={transport}');
            await ask(page, {QUESTION!r});
            await page.getByText('84').waitFor();
            await page.keyboard.press('Escape');
            await page.getByText('Cancelled', {{ exact: true }}).waitFor();
            const status = await page.getByRole('status').innerText();
            await page.request.get(HOME + 'go');
            await ask(page, {QUESTION!r});
            await page.getByText('is 84.').waitFor();
            await answered(page);
            return [status, await conversation(page)];
            """,
        )

    assert status == "Cancelled."
    assert shown == [*ANSWER[:-1], ["note", "Cancelled"], *ANSWER]


@pytest.mark.parametrize(("transport", "mark"), [("sse", b'"surer '), ("ws", b'"c":"surer ')])
def test_a_connection_that_is_cut_in_the_middle_of_an_answer_costs_no_word(
    served: Served, transport: str, mark: bytes
) -> None:
    with cutting(served.port, mark) as url:
        shown, statuses = browse(
            url,
            f"""
            await page.goto(HOME + '#transport={transport}');
            page.removeAllListeners('console'); // the browser complains of the cut
            await page.evaluate(() => {{
              const status = document.querySelector('[role=status]');
              window.statuses = [];
              new MutationObserver(() => window.statuses.push(status.textContent))
                .observe(status, {{ childList: true }});
            }});
            await ask(page, {QUESTION!r});
            await page.getByText('is 84.').waitFor();
            await answered(page);
            return [await conversation(page), await page.evaluate(() => window.statuses)];
            """,
        )

    assert shown == ANSWER
    assert "The connection is lost. It is tried again in 1 s." in statuses


def test_markup_of_an_agent_or_of_a_person_is_text() -> None:
    with serve("tests.browser.apps:markup") as served:
        title, elements, texts = browse(
            served.url,
            f"""
            await page.goto(HOME);
            await ask(page, {MARKUP!r});
            await page.locator('.request').waitFor();
            await answered(page);
            await page.reload();
            await page.locator('.request').waitFor();
            await answered(page);
            const log = page.locator('#log');
            const elements = await log.locator('img, script, form').count();
            return [await page.title(), elements, (await log.innerText()).split('<img').length - 1];
            """,
        )

    assert (title, elements) == ("_say_markup", 0)
    assert texts == 10  # every place in which the agent has said it, and the person


def test_an_agent_that_fails_is_shown_as_an_alert() -> None:
    with serve("tests.browser.apps:failing") as served:
        shown, alert = browse(
            served.url,
            """
            await page.goto(HOME);
            await ask(page, 'Hello!');
            await answered(page);
            return [await conversation(page), await page.getByRole('alert').innerText()];
            """,
        )

    assert shown == [["user", "Hello!"], ["text", "Well,"], ["error", "I am not well."]]
    assert alert == "I am not well."


def test_a_prompt_that_the_server_does_not_take_is_not_lost(served: Served) -> None:
    alert, prompt = browse(
        served.url,
        """
        await page.goto(HOME);
        await page.route('**/ask', (route) => route.abort());
        page.removeAllListeners('console'); // the browser complains of what we abort
        await ask(page, 'Hello!');
        const alert = await page.getByRole('alert').innerText();
        await page.reload();
        return [alert, await page.getByLabel('Ask the agent').inputValue()];
        """,
    )

    assert alert == "Failed to fetch"
    assert prompt == "Hello!"


def test_a_prompt_that_was_taken_is_not_asked_for_again(served: Served) -> None:
    prompt = browse(
        served.url,
        f"""
        await page.goto(HOME);
        await ask(page, {QUESTION!r});
        await page.getByText('is 84.').waitFor();
        await answered(page);
        // As if the page had been left before it heard anything.
        await page.evaluate(() => sessionStorage.setItem('draft', {QUESTION!r}));
        await page.reload();
        await page.getByText('is 84.').waitFor();
        return page.getByLabel('Ask the agent').inputValue();
        """,
    )

    assert prompt == ""


def test_what_is_being_typed_outlives_a_reload(served: Served) -> None:
    draft = browse(
        served.url,
        """
        await page.goto(HOME);
        await page.getByLabel('Ask the agent').fill('Hello');
        await page.reload();
        return page.getByLabel('Ask the agent').inputValue();
        """,
    )

    assert draft == "Hello"


def test_a_new_conversation_begins_with_the_examples(served: Served) -> None:
    url, shown = browse(
        served.url,
        f"""
        await page.goto(HOME);
        await page.getByRole('button', {{ name: {QUESTION!r} }}).click();
        await page.getByText('is 84.').waitFor();
        await answered(page);
        await page.getByRole('button', {{ name: 'New conversation' }}).click();
        await page.getByRole('button', {{ name: {QUESTION!r} }}).waitFor();
        return [page.url(), await conversation(page)];
        """,
    )

    assert url == f"{served.url}/#transport=sse"
    assert shown == []


@pytest.mark.parametrize("place", ["agents/one/#transport=sse", "agents/one#transport=ws"])
def test_the_page_works_under_a_mount(place: str) -> None:
    with serve("tests.browser.apps:mounted") as served:
        shown = browse(
            served.url,
            f"""
            await page.goto(HOME + '{place}');
            await ask(page, {QUESTION!r});
            await page.getByText('is 84.').waitFor();
            await answered(page);
            return conversation(page);
            """,
        )

    assert shown == ANSWER


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_can_be_read_and_used_on_a_phone(served: Served, scheme: str) -> None:
    overflow, unnamed, contrast = browse(
        served.url,
        f"""
        await page.setViewportSize({{ width: 320, height: 568 }});
        await page.emulateMedia({{ colorScheme: '{scheme}' }});
        await page.goto(HOME);
        await ask(page, {QUESTION!r});
        await page.getByText('is 84.').waitFor();
        await answered(page);
        const overflow = await page.evaluate(() =>
          Array.from(document.querySelectorAll('body, body *'))
            .filter((each) => !each.closest('.visually-hidden'))
            .filter((each) => each.getBoundingClientRect().right > innerWidth)
            .map((each) => each.outerHTML));
        const unnamed = await page.evaluate(() =>
          Array.from(document.querySelectorAll('button, input, textarea, select'))
            .filter((each) => !each.textContent && !each.labels?.length && !each.ariaLabel)
            .map((each) => each.outerHTML));
        const contrast = await page.evaluate(() => {{
          const light = (color) => {{
            const parts = color.match(/\\d+/g).slice(0, 3).map((each) => each / 255);
            const [r, g, b] = parts.map((each) =>
              each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          }};
          const behind = (each) => {{
            const color = getComputedStyle(each).backgroundColor;
            return color === 'rgba(0, 0, 0, 0)' ? behind(each.parentElement) : color;
          }};
          const pairs = Array.from(document.querySelectorAll('p, dt, pre, h1, h3, button, label'))
            .filter((each) => each.checkVisibility() && each.innerText)
            .map((each) => [light(getComputedStyle(each).color), light(behind(each))]);
          return Math.min(...pairs.map(([a, b]) =>
            (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)));
        }});
        return [overflow, unnamed, contrast];
        """,
    )

    assert overflow == unnamed == []
    assert contrast >= 4.5  # WCAG 2.2, 1.4.3
