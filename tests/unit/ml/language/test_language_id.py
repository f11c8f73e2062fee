"""The language of a message, also of a short one."""

import csv
import gzip

import pytest

from ml.language.language_id import language_of

TEXTS = {
    "en": (
        *("ok thanks", "sounds good", "yep", "Yes", "no", "No problem", "Sure", "call me", "maybe", "3 beds?", "LOL"),
        *("Too expensive", "Can't wait!", "price?", "1.2m cash", "Thanks María", "budget 450k", "on it", "Not for us"),
        *(
            "Is the house on Maple still available?",
            "We’d like to see it on Saturday at 3",
            "Hi José, the café is nice",
        ),
    ),
    "es": (
        "gracias",
        "no me interesa",
        "¿Precio?",
        "sí",
        "No puedo mañana",
        "hola, esta disponible la casa",
        "Me encanta",
    ),
    "fr": ("merci", "c'est trop cher", "oui d'accord", "Bonjour, la maison est-elle disponible ?", "non merci"),
    "pt": ("obrigado", "não posso", "quanto custa?", "Bom dia, tudo bem?", "quero ver a casa amanhã"),
    "de": ("danke", "zu teuer", "nein danke", "Ist die Wohnung noch frei?", "Ja gerne"),
    "it": ("grazie mille", "quanto costa?", "va bene", "è ancora disponibile?", "non mi piace"),
    "nl": ("dank je wel", "is het huis nog beschikbaar?"),
    "pl": ("dziękuję bardzo",),
    "tr": ("ev hala satılık mı?",),
    "sv": ("tack, när kan vi se huset?",),
    "vi": ("nhà này giá bao nhiêu",),
    "tl": ("magkano po ang bahay?",),
    "ru": ("Спасибо, когда можно посмотреть?",),
    "zh": ("谢谢，房子多少钱",),
    "ja": ("ありがとう、家を見たい",),
    "ko": ("감사합니다",),
    "ar": ("شكرا",),
    "und": ("", "👍", "12", "...", "http://example.com", "@ada #12"),
}


@pytest.mark.parametrize("language, text", [(language, text) for language, texts in TEXTS.items() for text in texts])
def test_the_language_is_told(language, text):
    assert language_of(text) == language


def test_a_foreign_name_or_word_does_not_change_the_language():
    assert language_of("hola! can we see the house with the patio on Sunday?") == "en"
    assert language_of("hola, ¿podemos ver la casa? thanks") == "es"


def test_english_of_others_is_read_as_english(data_folder):
    with (data_folder / "emotion_goemotions" / "dev.tsv").open(encoding="utf-8") as file:
        comments = [line.split("\t")[0] for line in file]
    path = data_folder / "sentiment_us_airline" / "us_airline_tweets.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8", errors="replace") as file:
        tweets = [row["text"] for row in csv.DictReader(file)]
    for texts in (comments, tweets):
        assert sum(language_of(text) == "en" for text in texts) / len(texts) > 0.99
