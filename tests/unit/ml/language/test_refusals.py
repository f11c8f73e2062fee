"""What refuses contact, over which channels, and what only sounds like it."""

import csv
import os
from pathlib import Path

import pytest

from ml.language import refusals
from ml.language.refusals import NO_REFUSAL, read_message
from ml.language.text import own_words

CASES = Path(os.environ.get("HEARTH_CASES", Path(__file__).parents[5] / "shared" / "cases"))

OPT_OUT = [
    ("refusal", "Kindly drop my details from your contacts"),
    ("refusal", "I already asked to come off this. Quit sending these."),
    ("refusal", "I do not wish to get these any longer"),
    ("refusal", "Please don't message again, I changed my mind"),
    ("refusal", "It would be nice if these texts could stop, thanks"),
    ("refusal", "stop txting me"),
    ("refusal", "STOP STOP"),
    ("refusal", "Stop texts"),
    ("refusal", "S.T.O.P."),
    ("refusal", "unsubcribe"),
    ("refusal", "quit calling us"),
    ("refusal", "cease all contact"),
    ("refusal", "delete my information please"),
    ("refusal", "no me escriban más"),
    ("refusal", "quiero darme de baja"),
    ("refusal", "ya no quiero recibir mensajes de ustedes"),
    ("refusal", "dejen de llamarme"),
    ("refusal", "bórreme de su lista"),
    ("refusal", "não quero mais receber mensagens"),
    ("refusal", "me tire da lista"),
    ("refusal", "arrêtez de m'écrire"),
    ("none", "Could you stop by our place on Sunday?"),
    ("none", "We stopped looking until spring"),
    ("none", "The bus stop is right outside, good"),
    ("none", "Please cancel the 3 pm tour"),
    ("none", "Don't call before ten, texts are fine"),
    ("none", "We have to stop this rezoning, count me in!"),
    ("none", "At the end of the month works best"),
    ("none", "¿podemos parar en la casa azul mañana?"),
    ("none", "quiero cancelar la visita del jueves"),
    ("none", "quero cancelar a visita de amanhã"),
    ("none", "Remove the condo from my saved search"),
    ("none", "Can I stop emailing the lender now?"),
]
CLEAR = [
    *("STOP", "stop", "Stop.", "STOP!!!", "“Stop”", "Stop please", "please stop", "STOP 🛑", "stopall", "Opt-out"),
    *("UNSUBSCRIBE", "Unsubscribe me please", "cancel", "END", "quit", "Revoke", "ARRÊT", "Baja, por favor"),
    *("Stop\n\nSent from my phone", "Not interested. STOP", "No. Stop texting me.", "hi, please stop"),
    *("don't text me again", "Don’t contact me anymore", "do not call me", "Take me off your list"),
    *("remove me from this list pls", "Please remove me", "I want to opt out", "I'd like to unsubscribe"),
    *("<p>Unsubscribe</p>", "<div>STOP<br><br></div>", "Lose my number", "No more texts", "no more emails please"),
    "I no longer wish to receive these messages",
    "We bought last month, so please stop sending me listings",
    # disguised, misspelt, parted, joined
    *("s t o p", "S-T-O-P", "STOOOOP", "st0p texting me", "$top", "ＳＴＯＰ", "ЅТОР", "st\u200bop", "sto\u00adp"),
    *(
        "unsuscribe",
        "un subscribe",
        "un-subscribe",
        "optout",
        "opt out pls",
        "stoptexting me",
        "removeme",
        "stopp",
        "stpo",
    ),
    *("plz dnt txt me", "dont msg me", "stop textng me", "pls unsubsribe me", "remvoe me from your list"),
    # English
    *("please do not text this number", "never contact me again", "quit it", "cease and desist", "dnc"),
    *("I want these emails to stop", "make these messages stop", "you need to stop", "I told you to stop"),
    *("I asked you not to call", "I'd rather not get these", "we no longer wish to be contacted"),
    *("delete all the data you have on me", "erase my details", "keep me off your lists", "get me off this list"),
    *("I revoke my consent to be contacted", "put me on your do not call list", "I do not consent to these messages"),
    *(
        "leave me alone",
        "turn off these notifications",
        "please cancel my email alerts",
        "let this be the last message",
    ),
    # Spanish
    *("alto", "deje de escribirme", "no me llame más", "no me escribás más", "no me llaméis más", "ya no me escriban"),
    *(
        "no quiero que me contacten",
        "sáquenme de la lista",
        "borren mi número",
        "eliminen mis datos",
        "no más mensajes",
    ),
    *("déjenme en paz", "deme de baja", "cancelar suscripción", "revoco mi consentimiento", "favor de no llamar más"),
    # Portuguese
    *("pare", "parem de me ligar", "não me mande mais mensagens", "nao me manda mais nada", "descadastrar"),
    *(
        "quero sair da lista",
        "apaguem os meus dados",
        "retirem-me da vossa lista",
        "me deixa em paz",
        "não liguem mais",
    ),
    *("não quero ser contactado", "cancelar inscrição", "deixem de me contactar", "favor remover meu número"),
    # French
    *("désabonnez-moi", "ne m'appelez plus", "merci de ne plus me contacter", "je ne veux plus recevoir de messages"),
    *("retirez-moi de votre liste", "supprimez mes données", "laissez-moi tranquille", "plus de textos svp"),
    *("ne me textez plus", "je veux me désinscrire", "cessez tout contact", "je retire mon consentement"),
    # our footer's words, followed by the writer's own; a condition that is none
    *("Text STOP to end is all I get, please stop texting me", "It says reply STOP to opt out, I did, leave me alone"),
    *("If you don't stop texting me I will report you", "if you do not stop calling me I will call the police"),
]
DOUBT = [
    *("not interested", "No longer interested, thanks", "who gave you my number?", "this is harassment", "🛑"),
    *("stop texting me every day", "my husband passed away", "blocking you now", "no me interesa", "pas intéressé"),
    *("please delete my account", "I never signed up for this", "This is not Maria", "this is spam"),
]
PASSES = [
    *(
        "",
        "   ",
        "👍",
        "please stop by",
        "Can you stop by on Sunday?",
        "We had to stop at the bank",
        "bus stop nearby?",
    ),
    *("nonstop flights", "non-stop", "We can't stop thinking about that house", "When does the listing end?"),
    *("Can we cancel the showing?", "Cancel. Tuesday works better", "the end of the month", "I won't quit looking"),
    *("Don't call me before 9am", "don't call me until 5", "Please don't call me at work", "remove the carpet?"),
    *("Reply STOP to opt out, HELP for help", "If you do not want these texts, reply STOP to end"),
    *("Reply STOP to unsubscribe, or call us to stop receiving messages", "If you don't stop by, we can't see it"),
    *("Reply STOP to unsubscribe", "Is that the quit claim deed?", "Please do not unsubscribe me... just kidding"),
    "Thanks!\n\nOn Mon, Jan 5, 2026 at 9:00 AM Ada <ada@example.com> wrote:\n> Reply STOP to opt out\n> STOP",
    "Great\n-----Original Message-----\nFrom: desk\nUnsubscribe",
    "Sounds good <br><blockquote>unsubscribe me</blockquote>",
    "Sounds good<div class='gmail_quote'>Unsubscribe from this list</div>",
    *(
        "Do we opt out of the HOA?",
        "we have got to STOP this bill",
        "please don't stop sending these",
        "no",
        "no thanks",
    ),
    *(
        "why did you stop emailing me?",
        "I unsubscribed from Zillow",
        "cancel the tour",
        "stop sending condos, only houses",
    ),
    *(
        "we already bought, thanks",
        "We're working with another agent",
        "I gave you the wrong number, it's 305 555 0101",
    ),
    *(
        "don't contact the seller yet",
        "don't send me condos",
        "no more condos please, only houses",
        "don't text and drive",
    ),
    *(
        "my mother passed away and we need to sell her house",
        "I never got your email",
    ),
    *("tell the lender to stop calling me", "if you don't hear from me, call me", "no emails from the lender yet"),
    *("no me llame antes de las 10", "no dejen de enviarme casas", "¿por qué no me llamaron?", "deje un mensaje"),
    *("no me mande condominios", "me di de baja de Zillow", "para mí está bien", "no me llamen hoy"),
    *("não me ligue antes das 9", "não parem de me mandar opções", "deixa eu pensar", "me tira uma dúvida"),
    *("quero sair do aluguel", "chega amanhã", "não recebi a mensagem", "não me tire da lista"),
    *("ne m'appelez pas avant 10h", "n'hésitez pas à m'appeler", "l'arrêt de bus est à côté", "plus de photos svp"),
    *("je ne reçois plus vos courriels, pourquoi ?", "laissez un message", "n'arrêtez pas de m'envoyer des maisons"),
]


@pytest.mark.parametrize(("expected", "message"), OPT_OUT)
def test_a_case_from_the_field_is_read(expected, message):
    assert (read_message(message).verdict == "none") is (expected == "none")


def test_the_cases_on_file_are_read():
    path = CASES / "messages" / "opt_out.tsv"
    if not path.is_file():
        pytest.skip(f"no cases at {path}: set HEARTH_CASES to their folder")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert [
        row["text"] for row in rows if (read_message(row["text"]).verdict == "none") is (row["expected"] == "refusal")
    ] == []


@pytest.mark.parametrize("message", CLEAR)
def test_a_refusal_is_clear(message):
    assert read_message(message).verdict == "clear"


@pytest.mark.parametrize("message", DOUBT)
def test_what_may_refuse_is_in_doubt(message):
    assert read_message(message).verdict == "doubt"


@pytest.mark.parametrize("message", PASSES)
def test_what_is_no_refusal_passes(message):
    assert read_message(message) == NO_REFUSAL


@pytest.mark.parametrize(
    ("message", "over", "channels"),
    [
        ("STOP", "sms", {"all"}),
        ("STOP", None, {"all"}),
        ("leave me alone", "email", {"all"}),
        ("remove me from your list", "sms", {"all"}),
        ("delete my data", "email", {"all"}),
        ("I don't want to hear from you anymore", "sms", {"all"}),
        ("do not contact me", "sms", {"all"}),
        ("do not call, text or contact me in any way", "sms", {"all"}),
        ("stop texting me", "sms", {"sms"}),
        ("stop texting me", None, {"sms"}),
        ("stop texting me", "whatsapp", {"sms"}),
        ("stop calling me", "sms", {"call", "sms"}),
        ("stop calling me", "chat", {"call"}),
        ("please don't call or text", "email", {"call", "sms", "email"}),
        ("stop contacting me by text", None, {"sms"}),
        ("don't call me, text me instead", "sms", {"call"}),
        ("no calls please, texts are fine", "sms", {"call"}),
        ("stop emailing me", None, {"email"}),
        ("unsubscribe me from the newsletter", None, {"email"}),
        ("stop sending letters and postcards", None, {"mail"}),
        ("wrong number", "sms", {"sms", "call"}),
        ("número equivocado", None, {"sms", "call"}),
        ("no me llamen más", None, {"call"}),
        ("não me liguem mais", None, {"call"}),
        ("ne m'appelez plus", None, {"call"}),
        ("no me envíen más correos", None, {"email"}),
    ],
)
def test_the_channels_are_those_that_the_words_name(message, over, channels):
    assert read_message(message, over).channels == channels


def test_a_reading_names_its_rule_and_holds_no_text():
    assert read_message("STOP").rule == "keyword"
    found = read_message("please, Ada Larkmoor, stop texting me")
    assert "Larkmoor" not in repr(found)
    assert NO_REFUSAL.rule is None


@pytest.mark.parametrize(
    ("message", "own"),
    [
        ("Thanks\n\n-- \nAda\nTo unsubscribe write STOP", "Thanks"),
        ("Gracias\n\nEl lun, 5 ene 2026 a las 9:00, Ada <a@example.com> escribió:\n> STOP", "Gracias"),
        ("Obrigado\n\nEm seg., 5 de jan. de 2026 às 09:00, Ada <a@example.com> escreveu:\n> SAIR", "Obrigado"),
        ("Merci\n\nLe lun. 5 janv. 2026 à 09:00, Ada <a@example.com> a écrit :\n> STOP", "Merci"),
        ("Ok On Mon, Jan 5, 2026 at 9:00 AM Ada wrote: Reply STOP to opt out", "Ok"),
        ("<p>Fine</p><blockquote>STOP<blockquote>STOP</blockquote></blockquote><p>Ada</p>", "Fine\nAda"),
        ("Yes\nSent from my iPhone", "Yes"),
    ],
)
def test_only_the_writers_own_words_are_read(message, own):
    assert own_words(message).split() == own.split()
    assert read_message(message) == NO_REFUSAL


def test_an_answer_below_what_it_quotes_is_read():
    quoted = "On Mon, Jan 5, 2026 at 9:00 AM Ada <a@example.com> wrote:\n> Homes for you\n> Reply STOP to opt out\n\n"
    assert read_message(f"{quoted}Unsubscribe me please").verdict == "clear"
    assert read_message(f"{quoted}Lovely, thanks").verdict == "none"
    assert read_message("Thanks,\nplease stop texting me").verdict == "clear"


@pytest.mark.parametrize(
    "footer",
    [
        "Reply STOP to opt out.",
        "Text STOP to 12345 to unsubscribe",
        "If you would rather not hear from us, just reply and say so.",
        "To unsubscribe, click here.",
        "If you no longer wish to receive these emails, you can unsubscribe here",
        "Responda STOP para darse de baja",
        "Répondez STOP pour vous désabonner",
    ],
)
def test_a_footer_that_comes_back_does_not_count(footer):
    assert read_message(f"Sounds great, see you then! {footer}") == NO_REFUSAL


ADVERSARIAL = [
    *("<" * 200_000, "on " * 100_000, "please " * 50_000, "no " * 60_000, "stop " * 40_000, "stop texting " * 20_000),
    *(">" * 100_000, "On " + "x" * 100_000 + " wrote:", ("On " * 2_000 + "\n") * 20, "a." * 50_000, "do not " * 30_000),
    *(
        "s.t.o." * 30_000,
        "a" * 200_000,
        "<div " * 40_000,
        "\n" * 200_000,
        "From: " * 30_000,
        "un" * 50_000,
        "e\u0301" * 50_000,
    ),
    *(
        "to be removed from your list " * 5_000,
        "me remova da lista " * 8_000,
        "ne m appelez " * 9_000,
        "not to be " * 9_000,
    ),
    *("<blockquote>" * 20_000, "<!--" * 40_000, "@" * 100_000, "a@" * 50_000, "- " * 80_000, "a b c d " * 30_000),
]


@pytest.mark.parametrize("message", ADVERSARIAL, ids=range(len(ADVERSARIAL)))
def test_a_long_or_odd_message_costs_no_more_than_its_first_characters(message, monkeypatch):
    seen = []
    monkeypatch.setattr(refusals, "fold", lambda own: seen.append(len(own)) or own)
    read_message(message)
    assert sum(seen) <= 4_000


@pytest.mark.parametrize(
    "piece", ["stop ", "no ", "stop texting ", "do not want to receive any of ", "a b ", "me remova da ", "not "]
)
def test_reading_takes_linear_time(piece, clock):
    """Twice the words take about twice the time: a generous bound, since machines are shared."""
    short, long = clock(piece * (1_000 // len(piece))), clock(piece * (4_000 // len(piece)))
    assert long < 12 * short + 0.02


@pytest.fixture
def clock():
    import time

    def best(text):
        times = []
        for _ in range(3):
            started = time.process_time()
            read_message(text)
            times.append(time.process_time() - started)
        return min(times)

    read_message("STOP")
    return best


def test_stop_is_heard_before_much_space():
    assert read_message("STOP" + " " * 100_000).verdict == "clear"


def test_every_pattern_compiles():
    for finder in refusals._catalogue().finders.values():
        for _, pattern in finder.patterns:
            assert pattern.regex.pattern


@pytest.mark.parametrize("message", ["when you get to the gate, stop"])
def test_what_only_sounds_like_a_refusal_closes_nobody(message):
    assert read_message(message).verdict != "clear"
