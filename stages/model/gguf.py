"""From a model folder to GGUF files: the official converter, lineage in the metadata, quantising."""

from __future__ import annotations

import ctypes
import hashlib
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import llama_cpp

from ..errors import UserError

PREFIX = "lampforge."
_SHOWN_LINES = 3


def quant_types() -> dict[str, int]:
    """llama.cpp's names of quantisations (`Q4_K_M`, ...) with their numbers."""
    prefix = "LLAMA_FTYPE_MOSTLY_"
    return {name.removeprefix(prefix): value for name, value in vars(llama_cpp).items() if name.startswith(prefix)}


def convert(model: Path, out: Path, name: str) -> None:
    """Write the Hugging Face model in folder `model` as an F16 GGUF file.

    With the converter that came in the same source archive as the llama.cpp that runs it. Raises UserError
    with the converter's last words.
    """
    script = Path(sys.prefix) / "llama.cpp" / "convert_hf_to_gguf.py"
    if not script.exists():
        raise UserError(f"{script}: the GGUF converter is not installed; run `make setup`")
    command = [
        sys.executable,
        str(script),
        str(model),
        "--outtype",
        "f16",
        "--outfile",
        str(out),
        "--model-name",
        name,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = " | ".join(done.stderr.strip().splitlines()[-_SHOWN_LINES:])
        raise UserError(f"{model}: cannot be converted to GGUF: {last}")


def add_metadata(plain: Path, out: Path, entries: dict[str, str]) -> None:
    """Copy a GGUF file with further metadata `lampforge.*`: what it was made from, how requests are put."""
    import gguf
    from gguf.scripts.gguf_new_metadata import MetadataDetails, copy_with_new_metadata

    logging.getLogger("gguf-new-metadata").setLevel(logging.WARNING)
    reader = gguf.GGUFReader(plain)
    writer = gguf.GGUFWriter(out, arch=_field(reader, "general.architecture"))
    added = {PREFIX + key: MetadataDetails(gguf.GGUFValueType.STRING, value) for key, value in sorted(entries.items())}
    copy_with_new_metadata(reader, writer, added, ())


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata `lampforge.*` of a GGUF file, empty when it has none. Raises UserError for no GGUF file."""
    import gguf

    try:
        reader = gguf.GGUFReader(path)
    except (ValueError, OSError, IndexError) as error:
        raise UserError(f"{path}: not a GGUF file ({error}); make it again with `dvc repro model_gguf`") from None
    names = [name for name in reader.fields if name.startswith(PREFIX)]
    return {name.removeprefix(PREFIX): _field(reader, name) for name in names}


def _field(reader: Any, name: str) -> str:
    return str(reader.fields[name].contents())


def quantise(source: Path, out: Path, quant: str) -> None:
    """Quantise an F16 GGUF file. Raises UserError for an unknown quant or when llama.cpp refuses."""
    types = quant_types()
    if quant not in types:
        raise UserError(f"params.yaml, model_gguf.quants: {quant!r} is none of {', '.join(sorted(types))}")
    settings = llama_cpp.llama_model_quantize_default_params()
    settings.ftype = types[quant]
    _silence()
    failed = llama_cpp.llama_model_quantize(str(source).encode(), str(out).encode(), ctypes.byref(settings))
    if failed:
        raise UserError(f"{source}: llama.cpp cannot quantise it to {quant} (code {failed})")


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
def _ignore(level: int, text: bytes, user_data: Any) -> None:
    """llama.cpp reports every tensor; nobody reads that."""


def _silence() -> None:
    llama_cpp.llama_log_set(_ignore, ctypes.c_void_p(0))


def sha256(path: Path) -> str:
    """The sha256 of a file, in hex."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
