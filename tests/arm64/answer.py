"""Answer requests and say which tokens were written: one script for this machine and for the emulated one.

python answer.py MODEL.gguf "show a star" ...   writes one line of JSON per request
"""

from __future__ import annotations

import json
import platform
import sys
from pathlib import Path

from lampforge.device.answering import Answerer, Settings


def main() -> None:
    model, *requests = sys.argv[1:]
    with Answerer(Path(model), Settings(threads=1)) as answerer:
        tokens = answerer.generator.tokens
        for request in requests:
            reply = answerer.answer(request)
            found = {
                "machine": platform.machine(),
                "python": platform.python_version(),
                "request": request,
                "prompt": tokens(answerer.generator.prompt(answerer.format.messages(request, None))),
                "tokens": tokens(reply.text),
                "n_tokens": reply.n_tokens,
                "text": reply.text,
                "source": reply.source,
                "total_ms": round(reply.total_ms),
            }
            print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
