"""The writer's own words: without quotation, signature, device line and our own footer."""

import pytest

from ml.language.footers import is_footer
from ml.language.refusals import read_message
from ml.language.text import own_words

MINE = "Love the porch. Can we come on Sunday at 2?"
HISTORY = "Hi Ada, please see 12 Oak Ave.\nReply STOP to opt out"
SHAPES = {
    "gmail": "{mine}\n\nOn Mon, Jan 5, 2026 at 9:00 AM Bea Agent <bea@example.com> wrote:\n\n{quoted}",
    "gmail, wrapped": "{mine}\n\nOn Mon, Jan 5, 2026 at 9:00 AM Bea Agent\n<bea@example.com> wrote:\n\n{quoted}",
    "iphone": (
        "{mine}\n\nSent from my iPhone\n\n> On Jan 5, 2026, at 9:00 AM, Bea <bea@example.com> wrote:\n> \n{quoted}"
    ),
    "outlook": (
        "{mine}\n\n________________________________\nFrom: Bea Agent <bea@example.com>\n"
        "Sent: Monday, January 5, 2026 9:00 AM\nTo: Ada Lead <ada@example.com>\nSubject: 12 Oak Ave\n\n{plain}"
    ),
    "outlook, no rule": (
        "{mine}\n\nFrom: Bea Agent <bea@example.com>\nSent: Monday, January 5, 2026 9:00 AM\n"
        "To: Ada Lead <ada@example.com>\nSubject: RE: 12 Oak Ave\n\n{plain}"
    ),
    "outlook, no address": "{mine}\n\n*From:* Bea Agent\n*Sent:* Monday, January 5, 2026 9:00 AM\n*To:* Ada\n\n{plain}",
    "outlook, spanish": "{mine}\n\nDe: Bea Agente\nEnviado el: lunes, 5 de enero de 2026 9:00\nPara: Ada\n\n{plain}",
    "original message": (
        "{mine}\n\n-----Original Message-----\nFrom: Bea Agent <bea@example.com>\n"
        "Sent: Monday, January 5, 2026 9:00 AM\nSubject: 12 Oak Ave\n\n{plain}"
    ),
    "html": '<div>{mine}</div><div class="gmail_quote">On Mon Bea wrote:<blockquote>{plain}</blockquote></div>',
    "signature": "{mine}\n\n-- \nAda Lead\nAcme Inc. | 512-555-0100",
    "device": "{mine}\n\nSent from my iPhone",
    "another device": "{mine}\nGet Outlook for iOS",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_reply_loses_its_quotation_and_signature(shape):
    quoted = "\n".join(f"> {line}" for line in HISTORY.splitlines())
    message = SHAPES[shape].format(mine=MINE, quoted=quoted, plain=HISTORY)
    assert own_words(message) == MINE
    assert read_message(message, "email").verdict == "none"


@pytest.mark.parametrize("shape", SHAPES)
def test_a_refusal_above_a_quotation_stays_one(shape):
    message = SHAPES[shape].format(mine="STOP", quoted="> See you", plain="See you")
    assert read_message(message, "email").verdict == "clear"


FOOTERS = [
    "Reply STOP to opt out",
    "Text STOP to end",
    "Txt STOP 2 end",
    "STOP to end",
    "STOP=end",
    "Reply “STOP” to opt out of texts from us.",
    "Reply STOP to unsubscribe, HELP for help.",
    "Reply HELP for help, STOP to cancel.",
    "Msg & data rates may apply",
    "Message and data rates may apply.",
    "Msg frequency varies.",
    "Unsubscribe | Manage preferences",
    "View in browser · Privacy policy · Unsubscribe",
    "To unsubscribe, click here: http://example.com/u",
    "If you would rather not hear from us, just reply.",
    "You can unsubscribe at any time.",
    "You are receiving this email because you asked about 12 Oak.",
    "Click here to opt out",
    "Responda STOP para cancelar",
    "Envía BAJA para darte de baja",
    "Si ya no desea recibir estos mensajes, responda BAJA.",
    "Pueden aplicarse tarifas de mensajes y datos.",
    "Cancelar suscripción | Preferencias",
    "Répondez STOP pour vous désabonner",
    "STOP au 36180",
    "Se désabonner | Gérer mes préférences",
    "Responda SAIR para cancelar",
    "Se não deseja mais receber mensagens, clique aqui",
    "Antworten Sie mit STOP, um sich abzumelden",
]


@pytest.mark.parametrize("between", ["\n", "\n\n", " "])
@pytest.mark.parametrize("footer", FOOTERS)
def test_our_own_footer_is_not_the_leads_words(footer, between):
    message = MINE + between + footer
    assert own_words(message) == MINE
    assert read_message(message, "sms").verdict == "none"


@pytest.mark.parametrize("footer", FOOTERS)
def test_a_footer_alone_refuses_nothing(footer):
    assert own_words(footer) == ""
    assert read_message(footer, "sms").verdict == "none"


def test_a_footer_between_sentences_goes_and_they_stay():
    assert own_words("We can. Reply STOP to opt out. See you!") == "We can. See you!"


@pytest.mark.parametrize("footer", FOOTERS)
@pytest.mark.parametrize("refusal", ["STOP", "please stop texting me", "Unsubscribe"])
def test_a_leads_own_refusal_above_a_footer_is_read(footer, refusal):
    assert own_words(f"{refusal}\n{footer}") == refusal
    assert read_message(f"{refusal}\n{footer}", "sms").verdict == "clear"


@pytest.mark.parametrize(
    "words",
    [
        *("STOP", "stop = stop", "Unsubscribe", "unsubscribe / opt out", "please stop texting me", "END", "baja"),
        "Text STOP to end is all I ever get, please stop texting me",
        "To stop receiving this, I clicked your link five times",
        "If you do not want to hear from my lawyer, reply",
        "Do I reply STOP to opt out?",
        "My preferences: three beds | two baths",
        "Our budget\nFrom: 400k\nTo: 450k\nand three beds",
    ],
)
def test_a_leads_own_words_are_no_footer(words):
    assert not is_footer(words)
    assert own_words(words) == words
