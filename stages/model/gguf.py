"""From a model folder to GGUF files: the official converter, lineage in the metadata, quantising."""

from __future__ import annotations

import ctypes
import hashlib
import logging
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import llama_cpp

from ..errors import UserError
from . import converter, pre_tokenizers

if TYPE_CHECKING:
    from .imatrix import Importance

PREFIX = "lampforge."
_SHOWN_LINES = 3
_ONLY_READ = {"NVFP4"}  # quantised elsewhere; llama.cpp runs it


def quant_types() -> dict[str, int]:
    """llama.cpp's names of the quantisations that it makes (`Q4_K_M`, ...) with their numbers."""
    prefix = "LLAMA_FTYPE_MOSTLY_"
    known = {name.removeprefix(prefix): value for name, value in vars(llama_cpp).items() if name.startswith(prefix)}
    return {name: value for name, value in known.items() if name not in _ONLY_READ}


def convert(model: Path, out: Path, name: str) -> None:
    """Write the Hugging Face model in folder `model` as an F16 GGUF file.

    With the converter that came in the same source archive as the llama.cpp that runs it. Raises UserError
    with the converter's last words, or if llama.cpp would not read the tokens that the model was trained with.
    """
    run_script("convert_hf_to_gguf.py", model, "--outtype", "f16", "--outfile", str(out), "--model-name", name)
    from . import agreement  # it loads transformers, which reading a file's metadata need not wait for

    _silence()
    agreement.refuse_other_ids(model, out)


def run_script(name: str, folder: Path, *options: str) -> None:
    """Run one of llama.cpp's converters on a model's or an adapter's folder. Raises UserError with its last words."""
    script = Path(sys.prefix) / "llama.cpp" / name
    if not script.exists():
        raise UserError(f"{script}: the GGUF converter is not installed; run `make setup`")
    # -P: the folder of converter.py has modules whose names libraries have, too.
    command = [sys.executable, "-P", converter.__file__, pre_tokenizers.__file__, str(script), str(folder), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = " | ".join(done.stderr.strip().splitlines()[-_SHOWN_LINES:])
        raise UserError(f"{folder}: cannot be converted to GGUF: {last}")


def add_metadata(plain: Path, out: Path, entries: dict[str, str], without_first_token: bool = False) -> None:
    """Copy a GGUF file with further metadata `lampforge.*`: what it was made from, how requests are put.

    without_first_token: servers are not to put the vocabulary's first token before what the chat template gives.
    """
    import gguf
    from gguf.scripts.gguf_new_metadata import MetadataDetails, copy_with_new_metadata

    logging.getLogger("gguf-new-metadata").setLevel(logging.WARNING)
    reader = gguf.GGUFReader(plain)
    writer = gguf.GGUFWriter(out, arch=_field(reader, "general.architecture"))
    added = {PREFIX + key: MetadataDetails(gguf.GGUFValueType.STRING, value) for key, value in sorted(entries.items())}
    if without_first_token:
        added[gguf.Keys.Tokenizer.ADD_BOS] = MetadataDetails(gguf.GGUFValueType.BOOL, False)
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


def quantise(source: Path, out: Path, quant: str, importance: Importance | None = None) -> None:
    """Quantise an F16 GGUF file. importance: of its weights' inputs, which are spared by it.

    Raises UserError for an unknown quant or when llama.cpp refuses.
    """
    types = quant_types()
    if quant not in types:
        raise UserError(f"params.yaml, model_gguf.quants: {quant!r} is none of {', '.join(sorted(types))}")
    settings = llama_cpp.llama_model_quantize_default_params()
    settings.ftype = types[quant]
    if importance is not None:
        importance.hand_to(settings)
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
