"""A tiny model of each family, whose tokenizer knows the words of a test file's own `corpus`."""

from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def models(corpus, tmp_path_factory) -> dict[str, Path]:
    from data_prep.demo.tiny_model import build_model, corpus_of
    from videokr.family import FAMILIES

    folder = tmp_path_factory.mktemp("models")
    for name, family in FAMILIES.items():
        build_model(family, corpus_of(corpus / "sft.jsonl"), folder / name)
    return {name: folder / name for name in FAMILIES}
