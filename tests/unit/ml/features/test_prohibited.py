from __future__ import annotations

import tomllib
import unicodedata
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.errors import CatalogueError
from ml.features import extract
from ml.features.prohibited import load, reasons, refusal, unaccented, vocabulary
from ml.language.patterns import read_data_file
from ml.profiles import LeadProfile
from tests.support.leads import NOW

SECTIONS = tomllib.loads(read_data_file("ml.features", "prohibited.toml"))
#: (words that refuse a header, the reason), of all languages
LISTED = sorted(
    {
        (text, reason)
        for section in SECTIONS.values()
        for kind in ("words", "phrases", "accented")
        for reason, texts in section.get(kind, {}).items()
        for text in texts
    }
)


@pytest.mark.parametrize(
    "header",
    [
        "Name", "first_name", "LastName", "Spouse Name", "Email", "E-Mail", "email address", "Do Not Email", "Phone 2",
        "mobile", "Language", "preferredLanguage", "ZIP", "Zip Code", "postal_code", "PostCode", "Neighborhood",
        "Neighbourhood", "Street Address", "Age", "age_group", "AgeGroup", "Home buyer age", "Birth Date", "DOB",
        "birthday", "Marital Status", "spouse", "Married?", "Number of Children", "Kids", "Dependents", "Gender", "Sex",
        "Religion", "Race", "Ethnicity", "Nationality", "Citizenship", "Country of Birth", "National Origin",
        "Disability", "disabled", "Photo", "avatar", "Prospect ID", "contactId", "uuid", "SSN", "Family Size",
        "Senior", "skin color", "Year Old", "Partner", "single", "City", "Mailing City", "Country", "Billing Country",
        "Home Town",
    ],
)  # fmt: skip
def test_the_law_refuses(header: str) -> None:
    assert refusal(header) is not None


@pytest.mark.parametrize(
    "header",
    [
        "Page Views Per Visit", "page views", "Total Time Spent on Website", "Usage", "Average Price", "Message Count",
        "Stage", "Mortgage", "Village", "Package", "Emails Opened", "Email Open Rate", "Phone Calls", "Photos Viewed",
        "Roof Age", "Age of the Home", "Single Family", "Lead Generation Source", "Lead Origin", "Occupation",
        "Bedrooms", "Income", "Property Type", "Sextant", "Trace", "Racetrack", "Personal Loan", "Grandson Ave",
        "City of interest", "Preferred City", "Property city", "Country Club", "City View", "State", "Capacity", "",
        "123",
    ],
)  # fmt: skip
def test_parts_of_words_do_not_refuse(header: str) -> None:
    assert refusal(header) is None


@pytest.mark.parametrize(
    "header, reason",
    [
        # Spanish
        ("Fecha de nacimiento", "birth date"), ("fecha_nac", "birth date"), ("FechaNacimiento", "birth date"),
        ("Estado civil", "marital status"), ("ESTADO_CIVIL", "marital status"), ("estadoCivil", "marital status"),
        ("Género", "gender"), ("Sexo (M/F)", "gender"), ("Religión", "religion"), ("Nacionalidad", "nationality"),
        ("País de origen", "nationality"), ("Número de hijos", "children"), ("¿Embarazada?", "children"),
        ("Edad del cliente", "age"), ("Discapacidad", "disability"), ("Raza", "race or ethnicity"),
        ("Ciudad", "city"), ("País", "country"),
        ("Orientación sexual", "sexual orientation"), ("Código postal", "postal code"), ("N.º de teléfono", "phone"),
        # Portuguese
        ("Data de nascimento", "birth date"), ("dt_nasc", "birth date"), ("Estado Civil", "marital status"),
        ("Gênero", "gender"), ("Religião", "religion"), ("Nacionalidade", "nationality"), ("Filhos", "children"),
        ("Cidade", "city"),
        ("Faixa etária", "age"), ("Idade", "age"), ("Deficiência", "disability"), ("Cor/Raça", "race or ethnicity"),
        # French
        ("Date de naissance", "birth date"), ("Né(e) le", "birth date"), ("État civil", "marital status"),
        ("ETAT CIVIL", "marital status"), ("Situation familiale", "marital status"), ("Nationalité", "nationality"),
        ("Pays d'origine", "nationality"), ("Pays d\u2019origine", "nationality"), ("Sexe", "gender"),
        ("Civilité", "gender"), ("Âge", "age"), ("Tranche d'âge", "age"), ("Nombre d'enfants", "children"),
        ("Handicapé", "disability"), ("Origine ethnique", "race or ethnicity"),
        ("Anciens combattants", "veteran status"), ("Pays", "country"), ("Ville", "city"),
        # German
        ("Geburtsdatum", "birth date"), ("GEBURTSTAG", "birth date"), ("Geburtsdatum__c", "birth date"),
        ("Familienstand", "marital status"), ("Geschlecht", "gender"), ("Anrede", "gender"), ("Konfession", "religion"),
        ("Religionszugehörigkeit", "religion"), ("Staatsangehörigkeit", "nationality"),
        ("Staatsangehoerigkeit", "nationality"), ("Herkunftsland", "nationality"), ("Alter", "age"),
        ("Altersgruppe", "age"), ("Anzahl Kinder", "children"), ("Haushaltsgröße", "children"),
        ("Wohnort", "city"),
        ("Schwerbehinderung", "disability"), ("Hautfarbe", "race or ethnicity"), ("Sozialhilfe", "public assistance"),
        # Italian and Dutch
        ("Data di nascita", "birth date"), ("Stato civile", "marital status"), ("Età", "age"), ("Fascia d'età", "age"),
        ("Cittadinanza", "nationality"), ("Geboortedatum", "birth date"), ("Burgerlijke staat", "marital status"),
        ("Città", "city"), ("Stad", "city"),
        ("Leeftijdscategorie", "age"), ("Nationaliteit", "nationality"), ("Geslacht", "gender"),
        # English
        ("DATEOFBIRTH", "birth date"), ("MaritalStatus", "marital status"), ("Country of origin", "nationality"),
        ("Sexual orientation", "sexual orientation"), ("Veteran?", "veteran status"), ("Creed", "religion"),
        ("Public assistance", "public assistance"), ("Family members", "children"),
    ],
)  # fmt: skip
def test_a_header_is_refused_by_its_meaning_in_each_language(header: str, reason: str) -> None:
    assert refusal(header) == reason


@pytest.mark.parametrize(
    "header",
    [
        # Spanish
        "Etapa", "Mensaje", "Página", "Ciudad de interés", "Estado", "Estado del lead", "Origen", "Casa familiar",
        "Vivienda unifamiliar", "Antigüedad", "Edad del inmueble", "Correos abiertos", "Presupuesto", "Semana",
        "Motivo de pérdida", "Propiedad", "Habitaciones",
        # Portuguese
        "Cidade do imóvel", "Etapa do funil", "Mensagem", "Unidade", "Novidade", "Quantidade", "Origem", "Orçamento",
        "Cor do imóvel", "Idade do imóvel", "Nome da campanha", "Situação",
        # French
        "Étage", "Ménage", "Nombre de visites", "Nombre de pièces", "Avantage", "Pourcentage", "Courtage", "Pays cash",
        "Origine", "Genre de bien", "Maison familiale", "Âge du bâtiment", "E-mails ouverts", "Message",
        # German
        "Etage", "Alternative", "Herkunft", "Lead-Herkunft", "Anfrage", "Einfamilienhaus", "Alter des Hauses",
        "Gebäudealter", "Nachricht", "Garage", "Zimmer", "E-Mails geöffnet", "Verwalter", "Zeitalter",
        # Italian and Dutch
        "Città di interesse", "Stagione", "Provenienza", "ETA", "Genere di immobile", "Herkomst", "Gewenste stad",
        "Kamers", "Fase",
        # English
        "Kind of property", "Percentage", "Storage", "Manager", "Human", "Middlesex", "Essex", "Grace", "Terrace",
        "Parking", "Images viewed", "Woodland", "Skilled", "Region", "Origin",
    ],
)  # fmt: skip
def test_other_words_of_each_language_pass(header: str) -> None:
    assert refusal(header) is None


def camel(text: str) -> str:
    return "".join(part.capitalize() for part in text.split())


@given(
    listed=st.sampled_from(LISTED),
    style=st.sampled_from([str, str.upper, str.title, camel, lambda text: text.replace(" ", "_")]),
    form=st.sampled_from(["NFC", "NFD"]),
    around=st.sampled_from(
        [("", ""), ("Custom: ", " *"), ("contact.", ""), ("(", ")"), ("2 ", " 1"), ("\ufeff", "\u00a0")]
    ),
)
def test_listed_words_are_refused_however_they_are_written(listed, style, form, around) -> None:  # type: ignore[no-untyped-def]
    text, reason = listed
    header = around[0] + unicodedata.normalize(form, style(text)) + around[1]
    assert refusal(header) == reason


@given(listed=st.sampled_from(LISTED))
def test_accents_may_be_left_out_where_the_word_means_nothing_else_without(listed: tuple[str, str]) -> None:
    text, reason = listed
    if text not in vocabulary().accented:
        assert refusal(unaccented(text)) == reason


@given(st.text(max_size=40))
def test_any_header_has_an_answer(header: str) -> None:
    assert refusal(header) is None or refusal(header) in reasons()


def test_no_word_has_two_reasons_and_no_neighbour_is_of_a_word_that_passes() -> None:
    reasons = defaultdict(set)
    for text, reason in LISTED:
        reasons[unaccented(text)].add(reason)
    assert {text: found for text, found in reasons.items() if len(found) > 1} == {}
    known = {*vocabulary().words, *map(unaccented, vocabulary().accented)}
    assert vocabulary().unless.keys() <= known
    assert not known & vocabulary().little


def test_a_refused_attribute_is_named_and_no_feature() -> None:
    custom = {"Geburtsdatum": "1980-01-01", "Estado civil": "casado", "Étage": 3.0}
    matrix = extract([LeadProfile(lead_id="1", as_of=NOW, custom=custom)])
    assert matrix.refused == {"Estado civil": "marital status", "Geburtsdatum": "birth date"}
    assert [name for name in matrix.columns if name.startswith("custom:")] == ["custom:Étage"]


def test_an_unknown_key_of_a_language_is_named() -> None:
    with pytest.raises(CatalogueError, match="xx: wrods"):
        load('[xx.wrods]\nage = ["x"]')
