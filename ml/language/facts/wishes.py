"""Read what a lead wishes or objects to: an appointment, a price, another agent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from domain.facts import AppointmentWish, Competitor, FactKind, PriceObjection
from ml.language.facts.folding import FoldedText, SentenceSpan, word_set
from ml.language.results import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """A pattern that says a code, with its confidence; a match after words of refusal counts for nothing."""

    code: AppointmentWish | PriceObjection | Competitor
    confidence: float
    pattern: re.Pattern[str]
    #: whether the pattern holds its own refusal: "can't afford"
    refuses: bool = False
    #: whether a question can say it: "can we see it?", but not "do you have an agent?"
    may_ask: bool = True


_NOT = re.compile(
    r"\b(?:not|no|never|nor|don't|do not|dont|didn't|doesn't|does not|isn't|is not|aren't|wasn't"
    r"|weren't|wouldn't|won't|can't|cannot|couldn't|haven't|hasn't|without|neither|nothing|hardly"
    r"|cancel\w{0,5}|no need to|unable to|tampoco|nunca)\b"
    r"(?: (?!but |just |only )[a-z']{1,12}){0,4} ?\Z"
)

#: letters before a match in which a refusal of it may stand
_LOOK_BACK = 90
#: matches of one sentence that are looked at
_MOST = 6

_APPOINTMENT_WORDS = word_set(
    """visit tour tours showing showings see viewing view appointment meet meeting schedule reschedule book come stop
    walk walkthrough call chat look zoom facetime cita visita visitar ver verla verlo reunirnos vernos llamame
    llameme agendar conocer talk touring visiting seeing swing check"""
)
_PLACE = (
    r"(?:it|this|that|them|the (?:\w{1,12} ){0,2}?(?:house|home|place|property|properties|condo"
    r"|unit|apartment|listing|one|townhouse|townhome|lot|land|inside)|one|some|both|these|those"
    r"|your listing|inside|a (?:few|couple)|homes|houses|apartments?|properties|an apartment"
    r"|the listing|(?:\d|two|three|a few) (?:homes|houses|places|properties|condos|units|of them))"
)
_APPOINTMENT: Sequence[_Rule] = (
    _Rule(
        code="call",
        confidence=0.85,
        pattern=re.compile(
            r"\b(?:have an?(?: quick| short| phone)? (?:call|chat)|(?:schedule|set up|book|arrange|do"
            r"|hop on|jump on|get on) (?:a |an |the |another )?(?:quic"
            r"k |short |phone |video |zoom )?(?:call|chat|zoom|facetime)|(?:can|could|would|please|pls"
            r"|just)(?: u| you| we| i)?(?: please)? (?:call|ring|phone) (?:me|us|you|back)|give (?:me|us) a (?:call"
            r"|ring|buzz)|(?:call|ring) me (?:at|on|when|tomorrow|today|after|back|later|this|any ?time)"
            r"|(?:can|could|let's) (?:we )?(?:talk|speak|chat)\b|llama(?:me|r me)|llameme)"
        ),
    ),
    _Rule(
        code="visit",
        confidence=0.9,
        pattern=re.compile(
            rf"\b(?:(?:(?:re)?schedul(?:e|ed|ing)|book|arrange|set ?up|make|request|get|need|want|like"
            rf"|plan|confirm|do|have|love|reserve|fix) (?:me |us |you )?(?:a |an |the |another |my |our "
            rf"|for a |in a |for an )?(?:private |second |quick |virtual |video |property |house |home )?(?:visit"
            rf"|tour|showing|viewing|walk ?-?through|appointment|look(?= at)|visitation)s?\b"
            rf"|(?:re)?schedule (?:it|that|this|one|something|for|me|us)\b|(?:visit|tour|showing|viewing"
            rf"|appointment) (?:scheduled|booked|arranged|set up)\b"
            rf"|(?:can|could|may|when can|when could|how can) (?:i|we|my \w{{1,10}}|you show (?:me|us)) (?:please "
            rf"|possibly |maybe |both )?(?:see|tour|view|visit|look at|come see|check out|walk through"
            rf"|come by|stop by|swing by|come and see|go see|go and see|take a look|get in|come)\b(?! (?:if"
            rf"|how|what|why|where|the (?:price|photos|pics|pictures|listing|details|disclosures|floor)"
            rf"|pictures|photos|pics|more (?:photos|pictures|pics)))"
            rf"|(?:want|would like|'d like|like|love|wanting|hoping|wish|need|interested in|excited|prefer"
            rf"|planning|wanna|eager|available|free|able|going|'d love|would love|ready)(?: to| in| on)? (?:come "
            rf"(?:and |to )?)?(?:go (?:and )?)?(?:see|seeing|tour|touring|visit|visiting|view|viewing|walk(?:ing)? th"
            rf"rough|check(?:ing)? out|tak(?:e|ing) a look(?: at)?|look(?:ing)? at) {_PLACE}\b"
            rf"|(?:i|we)(?:'d| would) (?:like|love|prefer) to (?:visit|tour|go see|come see|go|come|stop by)\b"
            rf"|(?:let's|lets) (?:go )?(?:see|tour|visit|view|go see|schedule|set)\b(?! (?:how|if|what|where|who|why))"
            rf"|(?:see|tour|visit"
            rf"|view) {_PLACE} (?:in person|today|tomorrow|this|on|next|at)\b|(?:available|work|works"
            rf"|good|time|free|open|slot) for (?:a |the |our )?(?:showing"
            rf"|tour|viewing|visit)|show (?:me|us) {_PLACE} (?:today|tomorrow|this|on|next|in person)"
            rf"|want (?:it|to go) on\b"
            rf"|(?:agendar|programar|hacer|quiero) (?:una |la )?(?:cita|visita)|(?:quiero|quisiera|puedo"
            rf"|podemos|me gustaria|podria) (?:ir a )?(?:ver|verla|verlo|visitar|conocer)(?:la|lo)?\b)"
        ),
    ),
    _Rule(
        code="meeting",
        confidence=0.85,
        pattern=re.compile(
            r"\b(?:(?:can|could|shall|when can|let's|lets|like to|want to|love to|happy to|wanna|able to"
            r"|free to|available to)(?: we| i| you)? (?:all )?meet\b|have a (?:quick |short )?meeting"
            r"|(?:schedule|set up|book|arrange) (?:a |the |another )?meeting|meet (?:up|in person|for coffee"
            r"|with you|me at|you at"
            r"|you there)|come (?:by|to) your office|listing appointment|podemos (?:vernos|reunirnos))"
        ),
    ),
)
_PRICE_WORDS = word_set(
    """expensive pricey overpriced afford budget price priced prices pricing much steep cheaper lower high higher less
    rates rate caro cara caros caras presupuesto pagar expense costly range spend pay affordable rich reduce
    discount negotiable negotiate money rent ridiculous"""
)
_PRICE: Sequence[_Rule] = (
    _Rule(
        code="cannot_afford",
        confidence=0.92,
        refuses=True,
        pattern=re.compile(
            r"\b(?:can't|cannot|can not|cant|couldn't|could never|won't be able to|not able to|unable to"
            r"|don't think (?:we|i) (?:can|could)|no way (?:we|i) can|hard(?:ly)? (?:to )?|not sure (?:we"
            r"|i) can) ?(?:really |even |quite )?(?:afford|swing (?:that|it)|pay that|pay so much|spend that"
            r"|go that high|do that price)|no puedo pagar|no me alcanza"
        ),
    ),
    _Rule(
        code="over_budget",
        confidence=0.92,
        pattern=re.compile(
            r"\b(?:(?:out of|outside|outside of|over|above|beyond|past|exceeds?|more than|stretching"
            r"|blows|higher than|not (?:with)?in|isn't (?:with)?in) (?:of )?(?:my|our|the|his|her|their) (?:max(?:"
            r"imum)? |whole |entire |top )?(?:budget|price range|price point|range|limit|price)|over budget"
            r"|(?:way |too far |a (?:bit|little) )?(?:over|above) what (?:we|i) (?:can|want|could|planned"
            r"|wanted|were)|more than (?:we|i)(?:'re| are| am| were|'d| would)? (?:can|want(?:ed)?|like"
            r"|could|looking|hop(?:ed|ing)|plan(?:ned|ning)|willing|comfortable|expected|budgeted|able)(?: to)?"
            r"|out of (?:my|our) (?:league|reach)|fuera de (?:mi|nuestro) presupuesto)"
        ),
        refuses=True,
    ),
    _Rule(
        code="wants_lower",
        confidence=0.85,
        pattern=re.compile(
            r"\b(?:(?:take|accept|consider|go|come|do|get it for|let it go for) (?:any |a bit |a little )?(?:less"
            r"|lower|an? lower offer|under asking|below asking|down on (?:the )?price)\b|(?:lower|reduce"
            r"|drop|cut|come down on|bring down|negotiate|knock down) (?:the |their |your |on the |down the )?(?:p"
            r"rice|asking|rent)|(?:any|some|much) (?:room|wiggle room|flexibility|give) (?:on|in|with) (?:the )?"
            r"(?:price|rent)|(?:price|rent|that) (?:is )?(?:negotiable|flexible|firm)|(?:anything|something"
            r"|one|ones|options?|places?|homes?) (?:a (?:bit|little) )?(?:cheaper|less expensive|more affordable"
            r"|lower priced|for less|in a lower price)|(?:cheaper|less expensive|more affordable|lower[ -]priced) "
            r"(?:one|ones|options?|places?|homes?|houses?|apartments?|units?)|mas barat[oa]s?|price (?:drop"
            r"|reduction|cut)s?\b(?= (?:possible|coming|soon))|discount)"
        ),
    ),
    _Rule(
        code="rates",
        confidence=0.85,
        pattern=re.compile(
            r"\b(?:(?:interest |mortgage )?rates? (?:are|is|being|have gotten|got|seem|look|still) (?:just "
            r"|still |way |so |really |too |very |crazy |pretty |insanely ){0,3}(?:high|crazy|insane"
            r"|nuts|bad|ridiculous|terrible)|(?:high|crazy|insane) (?:interest |mortgage )?rates|until (?:the )?"
            r"(?:interest |mortgage )?rates (?:drop|come down|go down|fall)|waiting (?:for|on) (?:the )?(?:interest "
            r"|mortgage )?rates)"
        ),
    ),
    _Rule(
        code="too_expensive",
        confidence=0.9,
        pattern=re.compile(
            r"\b(?:(?:too|so|very|really|way too|super|pretty|quite|kinda|kind of|a bit|a little|insanely"
            r"|crazy|ridiculously|is|seems?|looks?|was|are|it's|that's|just|more|rather) (?:too )?(?:expensive"
            r"|pricey|costly|steep|overpriced|rich for (?:me|us|my|our))|overpriced|(?:price|prices|rent"
            r"|asking price|cost) (?:is|are|seems?|looks?|feels?|being)? ?(?:just |still |way |a bit "
            r"|a little |really |so |pretty |kinda |quite |very ){0,2}(?:too |so )?(?:high|steep|crazy"
            r"|insane|ridiculous|much|outrageous)|too (?:much|high) (?:money|for (?:us|me|my|our|what"
            r"|that|this)|in price|a price)|(?:that's|it's|thats|its|is) (?:way |just |a bit |a little )?too (?:mu"
            r"ch|high)(?=[ ,]{0,2}(?:$|for|money))|not worth (?:that|the price|the money|it at|what they)"
            r"|(?:high|higher) (?:priced|price) (?:for|than)|muy car[oa]s?|demasiado car[oa]s?|carisim[oa])"
        ),
    ),
)
_COMPETITOR_WORDS = word_set(
    """agent agents realtor realtors broker brokers represented signed zillow redfin realtor trulia opendoor offerpad
    compass remax re max keller kw coldwell century exp sotheby's sothebys berkshire homes zillow's apartments
    agente hotpads homesnap hathaway flyhomes loopnet buyer's rep"""
)
_COMPETITOR: Sequence[_Rule] = (
    _Rule(
        code="has_agent",
        confidence=0.9,
        may_ask=False,
        pattern=re.compile(
            r"\b(?:(?:have|has|got|hired|found|chose|picked|using|signed with|went with|going with|work with"
            r"|working with|represented by|under contract with|hiring"
            r"|interviewing|listed with|list with|listing with|gone with|already with) (?:already )?(?:an? "
            r"|another |other |a different |our |my |my own |our own |some |several |a few |multiple "
            r"|two |three )(?:great |good |local |buyer'?s |listing |real estate |own |new |different "
            r"|other |family |friend who is an? |friend who's an? |exclusive ){0,2}(?:agents?|realtors?"
            r"|brokers?)\b"
            r"|(?:my|our) (?:own |current |new |buyer'?s |listing |other |real estate ){0,2}(?:agent"
            r"|realtor|broker)\b|(?:another|other|a different) (?:agent|realtor|broker(?:age)?)\b|(?:friend"
            r"|sister|brother|mom|mother|dad|father|cousin|aunt|uncle|wife|husband|neighbor|son|daughter"
            r"|in-law|coworker) (?:is|who is|who's|is also) an? (?:real estate )?(?:agent|realtor|broker)"
            r"|signed (?:a |an )?(?:buyer'?s? |exclusive )?(?:agreement|contract|rep\w{0,12}) with|already represe"
            r"nted|(?:ya )?tengo (?:un )?agente)"
        ),
    ),
    _Rule(
        code="brokerage",
        confidence=0.85,
        pattern=re.compile(
            r"\b(?:re ?/ ?max|remax|keller williams|\bkw\b (?:agent|realtor|realty)|coldwell banker|century ?21"
            r"|exp realty|with exp\b|sotheby'?s|berkshire hathaway|opendoor|offerpad|flyhomes|with compass"
            r"|compass (?:agent|realtor|realty|real estate)|redfin (?:agent|realtor)|better homes and gardens"
            r"|weichert|howard hanna|homesmart|century21)\b"
        ),
    ),
    _Rule(
        code="portal",
        confidence=0.7,
        pattern=re.compile(
            r"\b(?:zillow(?:'s)?|redfin|trulia|realtor\.com|homes\.com|apartments\.com|hotpads|homesnap"
            r"|loopnet|rent\.com|craigslist)(?![\w@])"
        ),
    ),
)


def read_appointment_wish(message: FoldedText) -> Iterator[Fact]:
    """Yield that a lead wishes a visit, a call or a meeting: once each.

    >>> from ml.language.facts.folding import folded
    >>> texts = "Can we see it Saturday?", "I don't want to schedule a tour", "please call me at 5"
    >>> [[fact.value for fact in read_appointment_wish(folded(text))] for text in texts]
    [['visit'], [], ['call']]
    """
    if not message.words.isdisjoint(_APPOINTMENT_WORDS):
        yield from _read(message, "appointment_wish", _APPOINTMENT)


def read_price_objection(message: FoldedText) -> Iterator[Fact]:
    """Yield what a lead says against a price.

    >>> from ml.language.facts.folding import folded
    >>> texts = "That's out of our budget", "not too expensive at all", "would they take less?"
    >>> [[fact.value for fact in read_price_objection(folded(text))] for text in texts]
    [['over_budget'], [], ['wants_lower']]
    """
    if not message.words.isdisjoint(_PRICE_WORDS):
        yield from _read(message, "price_objection", _PRICE)


def read_competitor(message: FoldedText) -> Iterator[Fact]:
    """Yield that a lead has another agent, or names a brokerage or a portal; the name is not kept.

    >>> from ml.language.facts.folding import folded
    >>> texts = "We already have an agent", "I don't have an agent", "saw it on Zillow", "Do you have an agent?"
    >>> [[fact.value for fact in read_competitor(folded(text))] for text in texts]
    [['has_agent'], [], ['portal'], []]
    """
    if not message.words.isdisjoint(_COMPETITOR_WORDS):
        yield from _read(message, "competitor", _COMPETITOR)


def _read(message: FoldedText, kind: FactKind, rules: Sequence[_Rule]) -> Iterator[Fact]:
    """Yield the first match of each rule that is not refused; one span says one thing."""
    taken: list[tuple[int, int]] = []
    for rule in rules:
        for sentence in message.sentences:
            span = _match(message, sentence, rule)
            if span and all(span[1] <= start or end <= span[0] for start, end in taken):
                taken.append(span)
                yield Fact(
                    kind=kind, value=rule.code, bound=None, start=span[0], end=span[1], confidence=rule.confidence
                )
                break


def _match(message: FoldedText, sentence: SentenceSpan, rule: _Rule) -> tuple[int, int] | None:
    if sentence.asks and not rule.may_ask:
        return None
    for match in islice(rule.pattern.finditer(message.text, sentence.start, sentence.end), _MOST):
        before = message.text[max(sentence.start, match.start() - _LOOK_BACK) : match.start()]
        if rule.refuses or not _NOT.search(before):
            return match.span()
    return None
