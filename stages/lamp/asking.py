"""How a request is put to a model: the same words in training, on the Pi and in the benchmark."""

from __future__ import annotations

from dataclasses import dataclass

FILE = "request_format.json"


@dataclass(frozen=True)
class RequestFormat:
    """system_prompt: the system turn. request_template: the user turn; the request goes where {prompt} is."""

    system_prompt: str
    request_template: str

    def messages(self, prompt: str) -> list[dict[str, str]]:
        """The chat up to the point where the lamp answers."""
        return [
            {"role": "system", "content": self.system_prompt},
            {"role": "user", "content": self.request_template.replace("{prompt}", prompt)},
        ]
