"""Answers that were scraped as HTML of the chat page -> the Markdown that the page was made from.

ShareGPT's early exports hold `<div class="markdown prose ..."><p>...</p></div>` where the model had written
Markdown. A model trained on that answers in HTML. What the page adds is dropped (a code block's head line with
its "Copy code" button); all text of the answer is kept.
"""

from __future__ import annotations

from html.parser import HTMLParser

_WRAPPER = '<div class="markdown'
_INLINE = {"strong": "**", "b": "**", "em": "*", "i": "*", "del": "~~"}
_BLOCKS = frozenset(("p", "div", "ul", "ol", "table", "blockquote", "section"))


def is_page_markup(text: str) -> bool:
    """Whether a text is the page's rendering as a whole, not one that shows or discusses HTML."""
    return text.lstrip().startswith(_WRAPPER) and text.rstrip().endswith("</div>")


def to_markdown(text: str) -> str:
    """The Markdown of the page's HTML; what cannot be parsed comes back as it is."""
    reader = _Reader()
    try:
        reader.feed(text)
        reader.close()
    except AssertionError:  # the parser's word for a broken declaration, "<![x"
        return text
    return "".join(reader.parts).strip()


class _Reader(HTMLParser):
    """Writes Markdown while it reads.

    `newlines` counts those that the output ends with; `space` is one that is owed if the line goes on.
    """

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.newlines = 2
        self.space = False
        self.lists: list[int] = []  # of each open list the next number, or 0 where it has bullets
        self.link = ""
        self.in_pre = self.in_code = False
        self.cells = self.rows = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "pre":
            self._part(2)
            self.in_pre = True
        elif tag == "code":
            self.in_code = True
            self._write(f"```{_language(given)}\n" if self.in_pre else "`")
        elif self.in_pre:
            return
        elif tag == "li":
            self._item()
        elif tag in _INLINE:
            self._write(_INLINE[tag])
        elif tag == "br":
            self._write("\n")
        elif tag == "hr":
            self._part(2)
            self._write("---")
        elif tag == "a":
            self.link = given.get("href", "")
            self._write("[" if self.link else "")
        elif tag in ("td", "th"):
            self.cells += 1
            self._write("| ")
        else:
            self._block(tag, given)

    def _block(self, tag: str, given: dict[str, str]) -> None:
        if tag in _BLOCKS:
            self._part(1 if self.lists else 2)
        if tag == "ol":
            self.lists.append(int(given["start"]) if given.get("start", "").isdecimal() else 1)
        elif tag == "ul":
            self.lists.append(0)
        elif tag == "table":
            self.rows = 0
        elif tag == "tr":
            self._part(1)
            self.cells = 0
        elif len(tag) == 2 and tag[0] == "h" and tag[1].isdecimal():
            self._part(2)
            self._write("#" * int(tag[1]) + " ")
            self.newlines = 2

    def handle_endtag(self, tag: str) -> None:
        if tag == "code":
            self.in_code = False
            if self.in_pre:
                self._part(1)
            self._write("```" if self.in_pre else "`")
        elif tag == "pre":
            self.in_pre = False
            self._part(2)
        elif self.in_pre:
            return
        elif tag in _INLINE:
            self._write(_INLINE[tag])
        elif tag == "a" and self.link:
            self._write(f"]({self.link})")
            self.link = ""
        elif tag in ("td", "th"):
            self._write(" ")
        elif tag == "tr":
            self._end_row()
        else:
            self._end_block(tag)

    def _end_block(self, tag: str) -> None:
        if tag in ("ul", "ol") and self.lists:
            self.lists.pop()
        if tag in _BLOCKS or tag[:1] == "h":
            self._part(1 if self.lists else 2)

    def _end_row(self) -> None:
        self._write("|")
        self.rows += 1
        if self.rows == 1:
            self._write("\n" + "|---" * self.cells + "|")

    def _item(self) -> None:
        self._part(1)
        number = self.lists[-1] if self.lists else 0
        self._write("  " * (len(self.lists) - 1) + (f"{number}. " if number else "- "))
        if number:
            self.lists[-1] += 1
        self.newlines = 2  # the item's text follows on the marker's line

    def handle_data(self, data: str) -> None:
        if self.in_code:
            self._write(data)
        elif not self.in_pre:
            self.space |= data[:1].isspace()
            self._write(" ".join(data.split()))
            self.space |= data[-1:].isspace()

    def _part(self, newlines: int) -> None:
        """Ends the line, or with 2 the paragraph."""
        self.space = False
        if self.newlines < newlines:
            self._write("\n" * (newlines - self.newlines))

    def _write(self, text: str) -> None:
        if text:
            if self.space and not self.newlines:
                self.parts.append(" ")
            self.space = False
            self.parts.append(text)
            ended = len(text) - len(text.rstrip("\n"))
            self.newlines = self.newlines + ended if ended == len(text) else ended


def _language(attributes: dict[str, str]) -> str:
    for name in attributes.get("class", "").split():
        if name.startswith("language-"):
            return name.removeprefix("language-")
    return ""
