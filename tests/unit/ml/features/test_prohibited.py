from __future__ import annotations

import pytest

from ml.features.prohibited import refusal


@pytest.mark.parametrize(
    "header",
    [
        "Name", "first_name", "LastName", "Spouse Name", "Email", "E-Mail", "email address", "Do Not Email", "Phone 2",
        "mobile", "Language", "preferredLanguage", "ZIP", "Zip Code", "postal_code", "PostCode", "Neighborhood",
        "Neighbourhood", "Street Address", "Age", "age_group", "AgeGroup", "Home buyer age", "Birth Date", "DOB",
        "birthday", "Marital Status", "spouse", "Married?", "Number of Children", "Kids", "Dependents", "Gender", "Sex",
        "Religion", "Race", "Ethnicity", "Nationality", "Citizenship", "Country of Birth", "National Origin",
        "Disability", "disabled", "Photo", "avatar", "Prospect ID", "contactId", "uuid", "SSN", "Family Size",
        "Senior", "skin color", "Year Old", "Partner", "single",
    ],
)  # fmt: skip
def test_the_law_refuses(header: str) -> None:
    assert refusal(header) is not None


@pytest.mark.parametrize(
    "header",
    [
        "Page Views Per Visit", "page views", "Total Time Spent on Website", "Usage", "Average Price", "Message Count",
        "Stage", "Mortgage", "Village", "Package", "Emails Opened", "Email Open Rate", "Phone Calls", "Photos Viewed",
        "Roof Age", "Age of the Home", "Single Family", "Lead Generation Source", "Lead Origin", "Occupation", "City",
        "Bedrooms", "Income", "Property Type", "Sextant", "Trace", "Racetrack", "Personal Loan", "Grandson Ave",
        "", "123",
    ],
)  # fmt: skip
def test_parts_of_words_do_not_refuse(header: str) -> None:
    assert refusal(header) is None
