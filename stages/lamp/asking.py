"""How a request is put to a model: the same words in training, on the Pi and in the benchmark."""

from __future__ import annotations

import re
from dataclasses import dataclass

FILE = "request_format.json"


@dataclass(frozen=True)
class RequestFormat:
    """system_prompt: the system turn; empty: there is none. request_template: the user turn, with {prompt} in it.

    follow_up_template: the user turn while a program is running, which goes where {running} is.
    """

    system_prompt: str
    request_template: str
    follow_up_template: str

    def messages(self, prompt: str, running: str | None = None) -> list[dict[str, str]]:
        """The chat up to the point where the lamp answers. running: the program that runs, as compact JSON."""
        if running is None:
            asked = self.request_template.replace("{prompt}", prompt)
        else:
            # Both at once: what a request says in braces is no place of the template.
            said = {"{prompt}": prompt, "{running}": running}
            asked = re.sub(r"\{(?:prompt|running)\}", lambda place: said[place[0]], self.follow_up_template)
        system = [{"role": "system", "content": self.system_prompt}] if self.system_prompt else []
        return [*system, {"role": "user", "content": asked}]
