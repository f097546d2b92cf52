"""GGUF files: the real converter and quantiser, and the lineage in the metadata."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest
from gguf import GGMLQuantizationType, GGUFReader

from stages.errors import UserError
from stages.model import gguf

LINEAGE = {"trainset": "a" * 32 + ".dir", "params": "b" * 64, "request_template": 'Für: "{prompt}"\n✓'}


@pytest.fixture(scope="module")
def full(plain_gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("full") / "tiny-F16.gguf"
    gguf.add_metadata(plain_gguf, path, LINEAGE)
    return path


def kinds(path: Path) -> set[GGMLQuantizationType]:
    return {tensor.tensor_type for tensor in GGUFReader(path).tensors}


def test_what_is_written_as_metadata_is_read_back(full: Path) -> None:
    assert gguf.read_metadata(full) == LINEAGE


def test_a_converted_file_has_no_lineage_yet(plain_gguf: Path) -> None:
    assert gguf.read_metadata(plain_gguf) == {}


def test_adding_metadata_leaves_weights_and_vocabulary_as_they_were(plain_gguf: Path, full: Path) -> None:
    before, after = GGUFReader(plain_gguf), GGUFReader(full)
    assert [tensor.name for tensor in before.tensors] == [tensor.name for tensor in after.tensors]
    for one, other in zip(before.tensors, after.tensors, strict=True):
        assert one.data.tobytes() == other.data.tobytes()
    for name in ("general.name", "tokenizer.chat_template", "tokenizer.ggml.tokens", "tokenizer.ggml.token_type"):
        assert before.fields[name].contents() == after.fields[name].contents()
    assert after.fields["general.name"].contents() == "tiny"


@pytest.mark.parametrize(
    ("quant", "kind"), [("Q4_K_M", GGMLQuantizationType.Q4_K), ("Q8_0", GGMLQuantizationType.Q8_0)]
)
def test_a_quantised_file_is_smaller_keeps_the_metadata_and_has_the_tensors_of_its_name(
    full: Path, tmp_path: Path, quant: str, kind: GGMLQuantizationType
) -> None:
    gguf.quantise(full, tmp_path / "quantised.gguf", quant)
    assert gguf.read_metadata(tmp_path / "quantised.gguf") == LINEAGE
    assert kind not in kinds(full)
    assert kind in kinds(tmp_path / "quantised.gguf")
    assert (tmp_path / "quantised.gguf").stat().st_size < full.stat().st_size


def test_quantising_twice_gives_the_same_bytes(full: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        gguf.quantise(full, tmp_path / name, "Q4_K_M")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_converting_twice_gives_the_same_bytes(
    model_folder: Path, plain_gguf: Path, full: Path, tmp_path: Path
) -> None:
    gguf.convert(model_folder, tmp_path / "again.gguf", "tiny")
    assert (tmp_path / "again.gguf").read_bytes() == plain_gguf.read_bytes()
    gguf.add_metadata(tmp_path / "again.gguf", tmp_path / "full.gguf", dict(reversed(LINEAGE.items())))
    assert (tmp_path / "full.gguf").read_bytes() == full.read_bytes()


def test_the_file_names_no_path_of_this_machine(plain_gguf: Path, model_folder: Path) -> None:
    assert str(model_folder).encode() not in plain_gguf.read_bytes()
    assert model_folder.name.encode() not in plain_gguf.read_bytes()


def test_an_unknown_quant_is_refused_with_the_known_ones(full: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"model_gguf\.quants: 'Q4_K_XXL' is none of .*Q4_K_M") as refused:
        gguf.quantise(full, tmp_path / "out.gguf", "Q4_K_XXL")
    assert "\n" not in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_llama_cpp_knows_the_quants_that_the_pipeline_makes() -> None:
    assert {"Q8_0", "Q4_K_M", "F16"} <= gguf.quant_types().keys()


@pytest.mark.parametrize("content", [b"", b"GGUF", b"not a model at all" * 20])
def test_what_is_no_gguf_file_is_named_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"broken\.gguf: not a GGUF file .*`dvc repro model_gguf`") as refused:
        gguf.read_metadata(path)
    assert "\n" not in str(refused.value)


def test_a_missing_file_is_named_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"absent\.gguf") as refused:
        gguf.read_metadata(tmp_path / "absent.gguf")
    assert "\n" not in str(refused.value)


def test_a_missing_converter_says_how_to_get_it(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    with pytest.raises(UserError, match=r"convert_hf_to_gguf\.py: the GGUF converter is not installed; run `make"):
        gguf.convert(model_folder, tmp_path / "out.gguf", "tiny")


def test_what_the_converter_does_not_take_ends_in_its_last_words_on_one_line(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with pytest.raises(UserError, match=r"cannot be converted to GGUF: .+") as refused:
        gguf.convert(tmp_path / "model", tmp_path / "out.gguf", "tiny")
    assert "\n" not in str(refused.value)


def test_the_sum_of_a_file_is_its_sha256(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"lamp")
    assert gguf.sha256(tmp_path / "file") == hashlib.sha256(b"lamp").hexdigest()
