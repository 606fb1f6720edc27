"""Small benchmark folders in the forms that the real ones are published in, all of their text made up here."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

ITEMS = 12
NLI = ("entailment", "neutral", "contradiction")


def put(folder: Path, name: str, lines: Iterable[str]) -> Path:
    """Write lines, each with a line feed."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return path


def put_jsonl(folder: Path, name: str, records: Iterable[dict[str, Any]]) -> Path:
    return put(folder, name, (json.dumps(record, ensure_ascii=False) for record in records))


def put_quoted(folder: Path, name: str, rows: Iterable[Sequence[str]]) -> Path:
    """A table as XTREME's script writes it: tabs, and quotes doubled as `csv.writer` does."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter="\t").writerows(rows)
    return path


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """The lines of a table with a header, tabs between the columns."""
    return ["\t".join(columns), *("\t".join(map(str, row)) for row in rows)]


def pairs(language: str, split: str, count: int = ITEMS) -> list[tuple[str, str]]:
    """Pairs of sentences; the first has quotes at its start, as PAWS-X does."""
    made = [(f"{language} {split} one {i} .", f"{language} {split} two {i} .") for i in range(count)]
    return [('"quoted" ' + made[0][0], made[0][1]), *made[1:]]


def tagged(language: str, split: str, tags: Sequence[str], count: int = ITEMS) -> list[list[tuple[str, str]]]:
    """Sentences of three to five tokens with tags."""
    return [
        [(f"{language}{split}{i}w{place}", tags[(i + place) % len(tags)]) for place in range(3 + i % 3)]
        for i in range(count)
    ]


def token_lines(
    sentences: Iterable[list[tuple[str, str]]], labelled: bool = True, prefix: str = ""
) -> list[str]:
    lines = []
    for sentence in sentences:
        lines += [f"{prefix}{token}\t{tag}" if labelled else f"{prefix}{token}" for token, tag in sentence]
        lines.append("")
    return lines


def conllu_lines(sentences: Iterable[list[tuple[str, str]]]) -> list[str]:
    """CoNLL-U with a multiword token before the first word and an empty node after the last."""
    lines = []
    for number, sentence in enumerate(sentences):
        lines += [f"# sent_id = {number}", "\t".join(["1-2", "fused", *"________"])]
        for place, (token, tag) in enumerate(sentence, 1):
            lines.append("\t".join([str(place), token, "_", tag, *"______"]))
        lines += ["\t".join([f"{len(sentence)}.1", "silent", *"________"]), ""]
    return lines


def write_xnli_tree(folder: Path, languages: Sequence[str] = ("en", "de", "sw")) -> None:
    """What XTREME's script leaves: labels for train and dev only."""
    put_quoted(
        folder, "xnli/train-en.tsv", [(*pair, NLI[i % 3]) for i, pair in enumerate(pairs("en", "train"))]
    )
    for code in languages:
        rows = [(*pair, NLI[i % 3]) for i, pair in enumerate(pairs(code, "dev"))]
        put_quoted(folder, f"xnli/dev-{code}.tsv", rows)
        put_quoted(folder, f"xnli/test-{code}.tsv", pairs(code, "test"))


def write_xnli_original(folder: Path, languages: Sequence[str] = ("en", "de", "sw")) -> None:
    """XNLI-1.0, a file for all languages, and the English training file of XNLI-MT-1.0."""
    columns = ("language", "gold_label", "sentence1", "sentence2", "promptID", "pairID")
    for split in ("dev", "test"):
        rows = [
            (code, NLI[i % 3], *pair, i // 3, i)
            for code in languages
            for i, pair in enumerate(pairs(code, split))
        ]
        put(folder, f"XNLI-1.0/xnli.{split}.tsv", table(columns, rows))
    train = [
        (*pair, "contradictory" if i % 3 == 2 else NLI[i % 3]) for i, pair in enumerate(pairs("en", "train"))
    ]
    put(folder, "XNLI-MT-1.0/multinli/multinli.train.en.tsv", table(("premise", "hypo", "label"), train))


def write_pawsx_tree(folder: Path, languages: Sequence[str] = ("en", "de", "ja")) -> None:
    put_quoted(
        folder, "pawsx/train-en.tsv", [(*pair, str(i % 2)) for i, pair in enumerate(pairs("en", "train"))]
    )
    for code in languages:
        rows = [(*pair, str(i % 2)) for i, pair in enumerate(pairs(code, "dev"))]
        put_quoted(folder, f"pawsx/dev-{code}.tsv", rows)
        put_quoted(folder, f"pawsx/test-{code}.tsv", pairs(code, "test"))


def write_pawsx_original(folder: Path, languages: Sequence[str] = ("en", "de", "ja")) -> None:
    columns = ("id", "sentence1", "sentence2", "label")
    names = {"train": "train", "dev": "dev_2k", "test": "test_2k"}
    for split, name in names.items():
        for code in languages if split != "train" else ("en",):
            rows = [(i + 1, *pair, i % 2) for i, pair in enumerate(pairs(code, split))]
            put(folder, f"x-final/{code}/{name}.tsv", table(columns, rows))


def write_token_tree(
    folder: Path, task: str, tags: Sequence[str], languages: Sequence[str] = ("en", "de", "tl")
) -> None:
    """XTREME's `udpos` or `panx` folder."""
    put(folder, f"{task}/train-en.tsv", token_lines(tagged("en", "train", tags)))
    for code in languages:
        put(folder, f"{task}/dev-{code}.tsv", token_lines(tagged(code, "dev", tags)))
        put(folder, f"{task}/test-{code}.tsv", token_lines(tagged(code, "test", tags), labelled=False))


def write_treebanks(folder: Path, root: str = "udpos") -> None:
    """Two treebanks of English, one of German that is all test."""
    tags = ("NOUN", "VERB", "PUNCT")
    for name, file, splits in (
        ("UD_English-B", "en_b", ("train", "dev", "test")),
        ("UD_English-A", "en_a", ("train", "test")),
        ("UD_German-P", "de_p", ("test",)),
    ):
        for split in splits:
            sentences = tagged(file, split, tags)
            put(folder, f"{root}/{name}/{file}-ud-{split}.conllu", conllu_lines(sentences))


def write_wikiann(folder: Path, languages: Sequence[str] = ("en", "de", "tl")) -> None:
    tags = ("B-PER", "I-PER", "O")
    for code in languages:
        for split in ("train", "dev", "test"):
            lines = token_lines(tagged(code, split, tags), prefix=f"{code}:")
            put(folder, f"wikiann/{code}/{split}", lines)


def write_tatoeba(folder: Path, codes: Sequence[str] = ("deu", "tgl", "cmn")) -> None:
    """LASER's pairs; the English sides differ from language to language, and one sentence is there twice."""
    for code in codes:
        english = [f"{'cab'[i % 3]} sentence {i} of {code}." for i in range(ITEMS)]
        english[1] = english[0]
        put(folder, f"tatoeba/tatoeba.{code}-eng.{code}", (f"{code} satz {i}." for i in range(ITEMS)))
        put(folder, f"tatoeba/tatoeba.{code}-eng.eng", english)


def write_tatoeba_tree(folder: Path, languages: Sequence[str] = ("de", "tl", "zh")) -> None:
    """XTREME's files: the English side sorted."""
    for code in languages:
        put(folder, f"tatoeba/{code}-en.{code}", (f"{code} satz {i}." for i in range(ITEMS)))
        put(folder, f"tatoeba/{code}-en.en", sorted(f"{'cab'[i % 3]} sentence {i}." for i in range(ITEMS)))


def write_xtreme_tree(folder: Path) -> None:
    """What XTREME's download script leaves, in a few languages and a few lines."""
    write_xnli_tree(folder)
    write_pawsx_tree(folder)
    write_token_tree(folder, "udpos", ("NOUN", "VERB", "PUNCT"))
    write_token_tree(folder, "panx", ("B-PER", "I-PER", "O"))
    write_tatoeba_tree(folder)


def write_dataset(folder: Path, configurations: dict[str, dict[str, list[dict[str, Any]]]]) -> str:
    """A dataset repository as a local folder: JSON lines by configuration and split, declared in its card."""
    card = ["---", "configs:"]
    for name, splits in configurations.items():
        card += [f"- config_name: {name}", "  data_files:"]
        for split, records in splits.items():
            put_jsonl(folder, f"{name}/{split}.jsonl", records)
            card += [f"  - split: {split}", f"    path: {name}/{split}.jsonl"]
    put(folder, "README.md", [*card, "---"])
    return str(folder)


# --- intermediate tasks


def write_nli(folder: Path) -> None:
    """MultiNLI, SNLI and ANLI as they were published; one pair in each of the first two has no gold label."""
    columns = ("gold_label", "sentence1", "sentence2", "pairID")
    for name, splits in (
        ("multinli_1.0", ("train", "dev_matched", "dev_mismatched")),
        ("snli_1.0", ("train", "dev", "test")),
    ):
        for split in splits:
            labels = ["-", *(NLI[i % 3] for i in range(1, ITEMS))]
            rows = zip(labels, pairs(name, split), range(ITEMS), strict=True)
            records = [dict(zip(columns, (label, *pair, f"{i}"), strict=True)) for label, pair, i in rows]
            put_jsonl(folder, f"{name}/{name}_{split}.jsonl", records)
    for number in (1, 2, 3):
        for split in ("train", "dev", "test"):
            records = [
                {"uid": f"{number}-{i}", "context": one, "hypothesis": two, "label": "enc"[i % 3]}
                for i, (one, two) in enumerate(pairs(f"r{number}", split))
            ]
            put_jsonl(folder, f"anli_v1.0/R{number}/{split}.jsonl", records)


def write_glue(folder: Path) -> None:
    """GLUE's MNLI and QQP; quotes are plain text, and one line of QQP's training file was cut in two."""
    columns = ("index", "genre", "sentence1", "sentence2", "label1", "gold_label")
    for name in ("train", "dev_matched", "dev_mismatched"):
        rows = [(i, "x", *pair, NLI[0], NLI[i % 3]) for i, pair in enumerate(pairs("glue", name))]
        put(folder, f"MNLI/{name}.tsv", table(columns, rows))
    columns = ("id", "qid1", "qid2", "question1", "question2", "is_duplicate")
    for name in ("train", "dev"):
        rows = [(i, 2 * i, 2 * i + 1, *pair, i % 2) for i, pair in enumerate(pairs("qqp", name))]
        lines = table(columns, rows)
        put(folder, f"QQP/{name}.tsv", [*lines, "99\t1\t2\tWhy was this", "cut in two?\tWhy?\t1"])


def write_choices(folder: Path) -> None:
    """HellaSwag, Cosmos QA and CommonsenseQA."""
    for name in ("train", "val"):
        records = [
            {
                "ind": i,
                "ctx_a": f"A scene {name} {i}.",
                "ctx_b": "then she" if i % 2 else "",
                "endings": [f"does {i} {n}" for n in range(4)],
                "source_id": f"video {i // 2}",
                "label": i % 4,
            }
            for i in range(ITEMS)
        ]
        put_jsonl(folder, f"hellaswag/hellaswag_{name}.jsonl", records)
    for name in ("train", "valid"):
        lines = ["id,context,question,answer0,answer1,answer2,answer3,label"]
        lines += [
            f'{name}{i},"A story, {i}.",Why {i}?,a{i},b{i},c{i},None of these,{i % 4}' for i in range(ITEMS)
        ]
        put(folder, f"cosmosqa/{name}.csv", lines)
    for name in ("train", "dev"):
        records = [
            {
                "id": f"{name}{i}",
                "answerKey": "ABCDE"[i % 5],
                "question": {
                    "stem": f"Where is {i}?",
                    "choices": [{"label": letter, "text": f"{letter} place {i}"} for letter in "ABCDE"],
                },
            }
            for i in range(ITEMS)
        ]
        put_jsonl(folder, f"commonsenseqa/{name}_rand_split.jsonl", records)


def write_ccg(folder: Path) -> None:
    """CCGbank in jiant's form; the test file in C&C's, with a tag of its own."""
    tags = ("N", "N/N", "(S\\NP)/NP")
    for split in ("train", "dev"):
        sentences = tagged("ccg", split, tags)
        lines = ["\t".join(" ".join(side) for side in zip(*sentence, strict=True)) for sentence in sentences]
        put(folder, f"ccg/ccg.{split}", lines)
    words = [
        [f"{token}|NN|{tag}" for token, tag in sentence] for sentence in tagged("ccg", "test", (*tags, "NP"))
    ]
    put(folder, "ccg/ccg.test", map(" ".join, words))


def write_stilts(folder: Path) -> None:
    """Every intermediate task in its original distribution."""
    for write in (write_nli, write_glue, write_choices, write_ccg):
        write(folder)


# --- XTREME-R


def copa_record(i: int, text: str, **more: Any) -> dict[str, Any]:
    record = {"premise": f"{text} {i}.", "choice1": f"first {i}", "choice2": f"second {i}"}
    return record | {"question": ("cause", "effect")[i % 2], "label": i % 2, "idx": i} | more


def write_copa(folder: Path) -> None:
    for split in ("train", "val", "test"):
        put_jsonl(folder, f"copa/{split}-en.jsonl", (copa_record(i, f"copa {split}") for i in range(ITEMS)))


def write_xcopa(folder: Path, languages: Sequence[str] = ("et", "th")) -> None:
    """XCOPA as it was published: in Thai every question is said to ask for the effect."""
    for code in languages:
        wrong = {"question": "effect"} if code == "th" else {}
        for split in ("val", "test"):
            records = [copa_record(i, f"{code} {split}", changed=False, **wrong) for i in range(ITEMS)]
            put_jsonl(folder, f"xcopa/data/{code}/{split}.{code}.jsonl", records)


def write_copa_xml(folder: Path) -> None:
    """COPA's original form: labels count from 1."""
    for part in ("dev", "test"):
        items = [
            f'<item id="{i}" asks-for="{("cause", "effect")[i % 2]}" most-plausible-alternative="{i % 2 + 1}">'
            f"<p>{part} {i} &amp; so on.</p><a1>first {i}</a1><a2>second {i}</a2></item>"
            for i in range(1, ITEMS + 1)
        ]
        head = [
            '<?xml version="1.0" encoding="UTF-8"?>',
            '<!DOCTYPE copa-corpus SYSTEM "copa.dtd">',
            "<copa-corpus>",
        ]
        put(folder, f"copa/copa-{part}.xml", [*head, *items, "</copa-corpus>"])


def write_siqa(folder: Path) -> None:
    for name in ("trn", "dev"):
        records = [
            {"context": f"Kim met {i}.", "question": f"Why {i}?", "correct": "ABC"[i % 3]}
            | {f"answer{letter}": f"{letter} {i}" for letter in "ABC"}
            for i in range(ITEMS)
        ]
        put_jsonl(folder, f"siqa/socialIQa_v1.4_{name}.jsonl", records)


def write_xtreme_r(folder: Path) -> None:
    """What XTREME-R has beside XTREME."""
    for write in (write_copa, write_xcopa, write_siqa):
        write(folder)


# --- questions


def question(language: str, i: int, prefix: str = "q", labelled: bool = True) -> dict[str, Any]:
    """One paragraph of SQuAD's form with one question; its sentences as XQuAD-R has them."""
    first, second = f"{language} word{i} stood here.", f"Then {language} answer{i} came."
    context = f"{first} {second}"
    text = f"answer{i}"
    answer = (
        {"answer_start": context.index(text), "text": text} if labelled else {"answer_start": 0, "text": ""}
    )
    asked = {"id": f"{prefix}{i}", "question": f"What came, {language} {prefix} {i}?", "answers": [answer]}
    return {
        "context": context,
        "qas": [asked],
        "sentences": [first, second],
        "sentence_breaks": [[0, len(first)], [len(first) + 1, len(context)]],
    }


def put_squad(folder: Path, name: str, paragraphs: Iterable[dict[str, Any]]) -> Path:
    content = {"version": "1.1", "data": [{"title": "x", "paragraphs": [one]} for one in paragraphs]}
    return put(folder, name, [json.dumps(content, ensure_ascii=False)])


def questions(
    language: str, prefix: str = "q", labelled: bool = True, count: int = ITEMS
) -> list[dict[str, Any]]:
    return [question(language, i, prefix, labelled) for i in range(count)]


def write_squad(folder: Path) -> None:
    """SQuAD 1.1 and 2.0; of the latter's questions every second has no answer."""
    for split in ("train", "dev"):
        put_squad(folder, f"squad/{split}-v1.1.json", questions("en", f"{split}-"))
        paragraphs = questions("en", f"{split}-")
        for paragraph in paragraphs[::2]:
            paragraph["qas"][0] |= {"answers": [], "is_impossible": True}
        put_squad(folder, f"squad/{split}-v2.0.json", paragraphs)


def write_xquad(folder: Path, languages: Sequence[str] = ("en", "de", "zh"), labelled: bool = True) -> None:
    for code in languages:
        put_squad(folder, f"xquad/xquad.{code}.json", questions(code, labelled=labelled))


def write_mlqa(folder: Path, languages: Sequence[str] = ("en", "de", "zh"), labelled: bool = True) -> None:
    """MLQA; `labelled` is about the test files."""
    for code in languages:
        for split, answers in (("dev", True), ("test", labelled)):
            name = f"mlqa/MLQA_V1/{split}/{split}-context-{code}-question-{code}.json"
            put_squad(folder, name, questions(code, f"{split}-", answers))


def write_tydiqa(folder: Path, labelled: bool = False, languages: Sequence[str] = ("en", "fi", "sw")) -> None:
    """TyDiQA as XTREME's script leaves it: every second training question has the id of another."""
    for code in languages:
        paragraphs = questions(code)
        for place, paragraph in enumerate(paragraphs):
            paragraph["qas"][0]["id"] = f"{place // 2}"
        put_squad(folder, f"tydiqa/tydiqa-goldp-v1.1-train/tydiqa.goldp.{code}.train.json", paragraphs)
        name = f"tydiqa/tydiqa-goldp-v1.1-dev/tydiqa.goldp.{code}.dev.json"
        put_squad(folder, name, questions(code, f"{code}-", labelled))


def write_tydiqa_original(folder: Path) -> None:
    """A training file of all languages; dev files named by language in English."""
    names = ("english", "finnish", "swahili")
    every = [one for name in names for one in questions(name, f"{name}-")]
    put_squad(folder, "tydiqa/tydiqa-goldp-v1.1-train.json", every)
    for name in names:
        put_squad(
            folder,
            f"tydiqa/tydiqa-goldp-v1.1-dev/tydiqa-goldp-dev-{name}.json",
            questions(name, f"{name}-dev-"),
        )


def write_lareqa(folder: Path, languages: Sequence[str] = ("en", "de", "zh")) -> None:
    for code in languages:
        put_squad(folder, f"lareqa/xquad-r/{code}.json", questions(code))


def write_bucc(
    folder: Path, stems: Sequence[str] = ("dev",), gold: bool = True, codes: Sequence[str] = ("de", "zh")
) -> None:
    """BUCC's files: pairs of every third sentence."""
    for code in codes:
        for stem in stems:
            name = f"bucc2018/{stem}" if "/" in stem else f"bucc2018/{code}-en.{stem}"
            name = name.replace("XX", code)
            put(folder, f"{name}.{code}", (f"{code}-{i:09}\t{code} satz {i}." for i in range(ITEMS)))
            put(folder, f"{name}.en", (f"en-{i:09}\tsentence {i}." for i in range(2 * ITEMS)))
            if gold:
                put(folder, f"{name}.gold", (f"{code}-{i:09}\ten-{i + 3:09}" for i in range(0, ITEMS, 3)))


def write_bucc_tree(folder: Path) -> None:
    """As XTREME's script leaves it: no gold for test."""
    write_bucc(folder)
    write_bucc(folder, ("test",), gold=False)


def write_mewslix(folder: Path, languages: Sequence[str] = ("en", "ja")) -> None:
    """Mewsli-X: an article a mention, and a few more entities than are mentioned."""
    for split in ("dev", "test"):
        articles = []
        for code in languages:
            for i in range(ITEMS):
                text = f"First {{here}}. Then {code} city{i} woke. Last."
                start = text.index(f"city{i}")
                span = {"start": start, "end": start + len(f"city{i}"), "text": f"city{i}"}
                breaks = [(0, 13), (14, text.index(" Last")), (text.index("Last"), len(text))]
                context = {"language": code, "text": text, "document_id": f"{i}"}
                context |= {"sentence_spans": [{"start": begin, "end": end} for begin, end in breaks]}
                mention = {"example_id": f"{split}-{code}-{i}", "entity_id": f"Q{i}", "mention_span": span}
                articles.append({"context": context, "mentions": [mention]})
        put_jsonl(folder, f"mewslix/wikinews_mentions-{split}.jsonl", articles)
    entities = ({"entity_id": f"Q{i}", "description": f"A city, number {i}."} for i in range(2 * ITEMS))
    put_jsonl(folder, "mewslix/candidate_set_entities.jsonl", entities)


def write_stand_ins(folder: Path) -> None:
    """The training sets of `recipes/xtreme-small.yaml` that are in no suite: TaxiNLI, and LinES by itself."""
    rows = [(*pair, NLI[i % 3]) for i, pair in enumerate(pairs("en", "train"))]
    put(folder, "taxinli/taxinli10k.tsv", table(("prem", "hyp", "label"), rows))
    for split in ("train", "dev"):
        sentences = tagged("en", split, ("NOUN", "VERB", "PUNCT"))
        put(folder, f"udpos/UD_English-LinES/en_lines-ud-{split}.conllu", conllu_lines(sentences))


def write_everything(folder: Path) -> None:
    """A folder with a form of every benchmark task, as XTREME's script would leave most of them."""
    write_xtreme_tree(folder)
    write_tatoeba(folder, ("deu", "tgl", "cmn"))
    write_stilts(folder)
    write_xtreme_r(folder)
    write_squad(folder)
    write_xquad(folder)
    write_mlqa(folder, labelled=False)
    write_tydiqa(folder, labelled=True)
    write_lareqa(folder)
    write_bucc_tree(folder)
    write_mewslix(folder)
