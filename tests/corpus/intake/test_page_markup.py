"""HTML of the chat page, turned back into Markdown."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.corpus.intake.page_markup import is_page_markup, to_markdown
from tests.corpus.intake.families.mapping import SOURCES, lines

WRAPPER = '<div class="markdown prose w-full break-words dark:prose-invert light">'


def page(body):
    return f"{WRAPPER}{body}</div>"


def test_only_a_text_that_is_the_page_as_a_whole_is_markup():
    assert is_page_markup(f"\n{page('<p>a</p>')} ")
    assert not is_page_markup("Use `<div>`: <div class='box'>a</div>")
    assert not is_page_markup(f"Here is the page: {page('<p>a</p>')}")
    assert not is_page_markup(WRAPPER + "<p>cut off")


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ("<p>One.</p><p>Two.</p>", "One.\n\nTwo."),
        ("<p>a &lt; b &amp;&amp; c</p>", "a < b && c"),
        ("<p>a <strong>b</strong> and <em>c</em></p>", "a **b** and *c*"),
        ("<p>call <code>f(x)</code> now</p>", "call `f(x)` now"),
        ("<p>a<br>b</p>", "a\nb"),
        ("<h2>Head</h2><p>text</p><hr><p>end</p>", "## Head\n\ntext\n\n---\n\nend"),
        ("<ul><li>a</li><li><p>b</p></li></ul><p>c</p>", "- a\n- b\n\nc"),
        ("<ol>\n <li>a</li>\n <li>b<ul><li>c</li></ul></li></ol>", "1. a\n2. b\n  - c"),
        ('<ol start="3"><li>a</li><li>b</li></ol>', "3. a\n4. b"),
        ('<p>see <a href="https://a.b">here</a></p>', "see [here](https://a.b)"),
        ("<p>see <a>here</a></p>", "see here"),
        (
            "<table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2</td></tr></table>",
            "| A | B |\n|---|---|\n| 1 | 2 |",
        ),
        ("<p>a\n  b</p>", "a b"),
        ("<p>a <b>b</b> </p>\n<p> c</p>", "a **b**\n\nc"),
    ],
)
def test_what_the_page_made_of_markdown_becomes_markdown(html, markdown):
    assert to_markdown(page(html)) == markdown


def test_a_code_block_loses_the_pages_head_line_and_keeps_its_code():
    html = (
        '<pre><div class="bg-black"><div><span>python</span><button>Copy code</button></div><div>'
        '<code class="!whitespace-pre hljs language-python">def <span class="hljs-title">f</span>(x):\n\n\n'
        "    return x &lt; 3\n</code></div></div></pre>"
    )
    assert to_markdown(page(f"<p>So:</p>{html}<p>Done.</p>")) == (
        "So:\n\n```python\ndef f(x):\n\n\n    return x < 3\n```\n\nDone."
    )


def test_what_cannot_be_parsed_comes_back_as_it_is():
    broken = page("<p>a</p><![x")
    assert to_markdown(broken) == broken


@given(st.text(alphabet='<>/!-[]"=&;# apredivlitco123\n', max_size=60))
def test_no_markup_makes_the_reader_raise(text):
    assert isinstance(to_markdown(page(text)), str)


class Plain(HTMLParser):
    """The letters and digits of HTML outside buttons and a code block's head line, by another way."""

    def __init__(self):
        super().__init__()
        self.open, self.letters = [], []

    def handle_starttag(self, tag, attrs):
        self.open += [tag] if tag not in ("br", "hr") else []

    def handle_endtag(self, tag):
        self.open.pop()

    def handle_data(self, data):
        if "pre" not in self.open or "code" in self.open:
            self.letters += [letter for letter in data if letter.isalpha()]


def test_no_letter_of_the_bundled_pages_is_lost_or_invented():
    seen = 0
    for record in lines((SOURCES / "sharegpt" / "sample.jsonl").read_bytes()):
        for message in record["conversations"]:
            if not is_page_markup(message["value"]):
                continue
            seen += 1
            plain = Plain()
            plain.feed(message["value"])
            markdown = to_markdown(message["value"]).replace("```python", "```")
            assert [letter for letter in markdown if letter.isalpha()] == plain.letters
            assert "Copy code" not in markdown
            assert "<" not in markdown.replace("n < 1", "")
    assert seen == 7
