"""The two public data sets, with their example mappings."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.intake.csv.columns import mapping as mapping_file

PROJECT = Path(__file__).parents[5]


@pytest.mark.parametrize(
    ("file", "mapping", "rows", "won"),
    [
        ("leads_x_education/Leads.csv.gz", "x_education", 9240, 3561),
        pytest.param(
            "leads_bank_marketing/bank-additional-full.csv.gz", "bank_marketing", 41188, 4640, marks=pytest.mark.slow
        ),
    ],
)
def test_real_files(importer, data_folder, file, mapping, rows, won):
    path = data_folder / file
    if not path.is_file():
        pytest.skip(f"{path} is not there; set HEARTH_DATA to a folder that has it")
    rules = mapping_file.load_mapping(PROJECT / "examples" / "mappings" / f"{mapping}.toml")
    intake = importer.file(path, rules, profile="generic")
    assert len(intake.drafts) == rows
    assert sum(draft.label is True for draft in intake.drafts) == won
    assert all(draft.label is not None and draft.custom for draft in intake.drafts)
    assert len({draft.external_id for draft in intake.drafts}) == rows
    assert intake.codes == []
