"""Read whether a lead asks for information, with or without a question mark, and about what.

A request for an act ("can you book it?", "find me another one") is no question: it wants no answer but a deed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ml.language.facts.folding import FoldedText, SentenceSpan, word_set
from ml.language.results import Fact

_WH = r"(?:what(?:'s|s| is| are)?|which|who(?:'s|se)?|whom|where(?:'s)?|when(?:'s)?|why|how(?:'s)?)"
_AUX = (
    r"(?:is|are|was|were|does|do|did|has|have|had|can|could|will|would|should|may|might|isn't"
    r"|aren't|don't|doesn't|won't|can't|shall|am)"
)
_SUBJECT = (
    r"(?:it|its|it's|they|there|the|this|that|these|those|you|we|i|he|she|pets?|dogs?|cats?|animals?"
    r"|any|anything|anyone|all|both|my|our|your"
    r"|their|utilities|parking|one|a|an|is|some|such|unit|units|landlords?|owners?|sellers?|tenants?"
    r"|furniture|apartments?|houses?|homes?|hoa|taxes"
    r"|\$?\d[\d,.]{0,12}k?|schools?|buyers?|water|gas|internet|wifi|laundry)"
)
#: where a question begins: at the start of a clause
_CLAUSE = (
    r"(?:^|[,;:(>-] ?|\b(?:and|but|so|also|then|or|plus|ok|okay|yes|yeah|yep|sure|no|great|good"
    r"|nice|perfect|thanks|thank you|well|hi|hello|hey|please|cool"
    r"|alright|first|actually|fine|wonderful|awesome|that one|now|lastly|oh|btw|by the way|right|me|confirm) ) ?"
)
_OPENS = re.compile(rf"{_CLAUSE}(?P<open>(?:{_WH}\b|{_AUX} {_SUBJECT}\b)[^?!\n]{{0,200}})")
_TELL = re.compile(
    r"\b(?:(?:tell|inform|update|advise) (?:me|us)|let (?:me|us) know|(?:like|love|want|need"
    r"|wanted|wish|interested|able|can i|could i|may i) (?:to )?(?:know|find out|learn|confirm"
    r"|ask)"
    r"|(?:i|we) (?:also )?(?:need|want|would like|'d like) to (?:know|ask|find out)|wondering"
    r"|wonder|curious|any (?:idea|word|news|info|update|information|details)"
    r"|find (?:out|me out)|do you (?:happen to )?know|(?:you|please|^)(?: also)? (?:check|see)(?: it"
    r"| and see)?(?: if| whether| on)|(?:check|see) (?:it )?whether|search whether|not sure (?:if"
    r"|whether|what|how)|confirm (?:if|whether)"
    r"|question(?:s)? (?:about|on|regarding|is)|asking (?:about|if|whether|for)|(?:how|what) about (?:the |an? )?"
    r"(?:pets?|parking|price|rent|utilities|furniture|hoa|schools?|garage|laundry|yard|pool|taxes|fees|deposit|washer"
    r"|dogs?|cats?|address|neighborhood)"
    r"|quiero saber|quisiera saber|me puede decir|me gustaria saber|digame|dime)\b(?P<rest>[^?!\n]{0,200})"
)
_THING = (
    r"(?:(?:contact|phone|telephone|cell|mobile|contract) ?(?:number|nmber|no|#|info|information"
    r"|details?)?|number|ph|address|details?|info|information|price|cost|monthly rent|square footage"
    r"|disclosures?|floor ?plans?|hoa docs?|e-?mail|website|mls(?: number)?|directions)"
)
_GIVE = re.compile(
    rf"\b(?:give|get|send|share|provide|tell|find|show|need|want|know|like|text|email|forward"
    rf"|fine|obtain|what)(?:ing)? ?(?:me|us)?(?: please| with| also| out| know)?(?: [a-z'-]{{1,14}}){{0,4}}"
    rf"? {_THING}\b"
    rf"|^ ?(?:and |also |the |their |its |it's |please )?{_THING}(?: (?:for|of|to) [a-z ]{{1,25}})?,?(?: pl"
    rf"ease| pls)?$"
)
#: what asks for a deed: a search, another offer, a booking, help; or one's own calendar
_DEED = re.compile(
    r"\b(?:other|another|else|others|elsewhere|different|more (?:options?|apartments?|places?"
    r"|homes?|houses?|listings?|results?|choices?|units?|available|like)|alternatives?|additional"
    r"|any more|some more|anymore"
    r"|schedul\w{1,4}|reschedul\w{1,4}|book(?:ing)?|reserve|arrange|set (?:it |one |that |something "
    r"|this |me |us )?up|appointment|make it|help|locate|find (?:me|us|for|an?|some|one|two|three"
    r"|it|something|good|others|any)|look (?:for|up|at|into|in)|search(?:ing)? (?:for|in|again"
    r"|an?|the)"
    r"|(?:recommend|suggest) (?:me|us|an?|some)|change (?:it|that|the|this|my)|move (?:it|that) to"
    r"|cancel|add (?:it|that|this|the)|put (?:it|that|this)|get (?:me )?(?:an?|some) (?:cab|ride"
    r"|taxi|apartment|place|house|visit)|cab|taxi|calendar|show me|see it|see this|see that|see the"
    r"|visit|tour|view(?:ing)?"
    r"|(?:i|we) (?:see|tour|visit|view|meet|come|stop|look)\b|verl[ao]|visitar|vernos|come (?:by"
    r"|see|over)|stop by|meet(?:ing)?|have an? (?:quick )?(?:call|chat)|i go|do it|do that|do (?:so )?on"
    r"|go (?:on|there|see)|call me|text me"
    r"|email me|try|assist|get (?:me|us) (?:one|a)|explore|look me|continue|keep looking|check (?:in"
    r"|for|out|other|again|my|apartments?|san|the \w{2,20} area)|use (?:it|that)|rent it|make (?:me"
    r"|us|an|a|that)|confirm (?:it|that)?|proceed|go ahead|we say|be (?:on (?:the|this|next|\d"
    r"|[a-z]{3,6}day)|scheduled))\b"
)
#: "no more information", "details about some others"
_ENOUGH = re.compile(r"\b(?:all|don't|do not|no|never|others?|another|different|thanks?)\b")
_ENDS = re.compile(
    r"\b(?:all|everything) (?:that )?(?:i|we) (?:need|want)|\bi(?:'ll| will| have to| need to"
    r"| must) (?:\w{1,15} ){0,6}(?:see if|find out)"
)
_OWN_CALENDAR = re.compile(
    r"\b(?:(?:am|will|when|if|are) (?:am )?(?:i|we)(?: be)? (?:free|available|open)|i(?:'m| am) free"
    r"|do i have|my (?:availability|schedule|calendar)|free (?:time|hours?|slots?)|time slots?"
    r"|openings?)\b"
)
#: offers and politeness that only look like a question
_NOT_ASKED = re.compile(
    r"(?:how about|what about|why (?:don't|not|dont)|how are you|how's it going|how have you"
    r"|what's up|would you mind|can you (?:please )?(?:do|go)\b|could you (?:please )?(?:do|go)\b"
    r"|i would|who knows|when i|when it|when the|when you|where i|where we"
    r"|which (?:has|have|will|would|can|i|was|the|should)|what i|what a|how i|is fine|is good"
    r"|is this weekend|that is|have a|has a|do that|do it|who (?:can|has|have|is)|do not|don't"
    r"|will do|can do|would be|should be|do you think you can|can you tell me when i'm|can i another"
    r"|will you (?:find|do|get|look)|can (?:i|we) (?:get|have) an?|maybe|perhaps|in|for|on|with"
    r"|i|i'm|i'd|i've|we|we're|we'd|thanks|thank you|the \d)\b"
)
_QUESTION_WORDS = word_set(
    """what what's whats which who who's whose where where's when when's why how how's is are was were does do did has
    have can could will would should may isn't aren't don't doesn't won't can't tell know wondering wonder
    curious any find check confirm whether if give get send share provide need want phone number contact inform
    question questions address am details info que cual cuando donde cuanto cuantos como quien hay tiene saber
    digame dime rent price"""
)
#: of each pattern, words of which it needs one
_CALENDAR_WORDS = word_set("free available open availability schedule calendar have time slots slot opening openings")
_TELL_WORDS = word_set(
    """tell inform update advise know find learn confirm ask wondering wonder curious any idea check see search sure
    question questions asking about how what saber decir digame dime"""
)
_GIVE_WORDS = word_set(
    """contact phone telephone cell mobile contract number nmber ph address detail details info information price cost
    monthly footage disclosure disclosures floor floorplan floorplans hoa mail email website mls directions
    plans"""
)
_SPANISH_OPENS = re.compile(
    r"(?:^|[,.] ?|\u00bf ?)\u00bf?(?:que|cual|cuales|cuando|donde|cuantos?|cuantas?|como|quien"
    r"|hay|tiene|tienen|esta|aceptan|incluye|es|se puede|puede|por que)\b[^?]{0,200}"
)
_FILLERS = re.compile(
    r"\b(?:please|pls|ok|okay|right|correct|yes|no|thanks|really|deal|hello|hi|sorry|huh|sound good"
    r"|sounds good|good|what|anything)\b|[^a-z]"
)
_DAY = re.compile(r"\b(?:\d{1,2}(?:st|nd|rd|th)|(?:mon|tues|wednes|thurs|fri|satur|sun)day|today|tomorrow)\b")
_LETTERS = re.compile(r"[a-z]+")
_TOPICS = {
    "contact": "phone telephone contact number email nmber",
    "pets": "pet pets dog dogs cat cats animal animals",
    "furnished": "furnished furniture furnishings unfurnished",
    "price": "price cost rent much asking precio cuesta cuanto renta",
    "fees": "hoa fee fees taxes tax utilities deposit insurance dues",
    "availability": "available market sold pending contract active disponible",
    "location": "where address located location far close near directions donde direccion",
    "schools": "school schools district escuela escuelas",
    "size": "sqft square size big acres lot footage large",
    "parking": "parking garage driveway",
    "condition": "roof hvac built age old foundation renovated repairs flood inspection",
    "financing": "lender financing loan mortgage rate rates preapproved approved down fha va",
    "rooms": "bedrooms bedroom bathrooms bathroom beds baths rooms",
    "process": "offer offers closing close process steps contract commission",
    "time": "when time hours cuando",
}
_TOPIC_OF = {word: topic for topic, words in reversed(_TOPICS.items()) for word in words.split()}
_ASKED, _TOLD = 0.9, 0.8
#: sentences of one message that are looked at
_MOST = 40


def read(message: FoldedText) -> Iterator[Fact]:
    """Yield each sentence that asks for information, with the code of its topic or None.

    >>> from ml.language.facts.folding import folded
    >>> [fact.value for fact in read(folded("Can you book it? Is it furnished. Tell me if dogs are ok"))]
    ['furnished', 'pets']
    """
    if message.words.isdisjoint(_QUESTION_WORDS) and "?" not in message.text:
        return
    for sentence in message.sentences[:_MOST]:
        said = message.text[sentence.start : sentence.end]
        spoken = _LETTERS.findall(said)
        confidence = _asks(said.strip(), frozenset(spoken), sentence)
        if confidence:
            topic = next((_TOPIC_OF[word] for word in spoken if word in _TOPIC_OF), None)
            start = sentence.end - len(said.lstrip())
            yield Fact(kind="question", value=topic, bound=None, start=start, end=sentence.end, confidence=confidence)


def _asks(text: str, words: frozenset[str], sentence: SentenceSpan) -> float:
    """Return how sure it is that a sentence asks for information; 0 where it does not."""
    if not words.isdisjoint(_CALENDAR_WORDS) and _OWN_CALENDAR.search(text):
        return 0.0
    if not words.isdisjoint(_TELL_WORDS) and _tells(text):
        return _TOLD
    if not words.isdisjoint(_GIVE_WORDS) and _GIVE.search(text) and not _ENOUGH.search(text):
        return _TOLD
    opened = [match["open"] for match in _OPENS.finditer(text)]
    if opened:
        asked = any(not _DEED.search(tail) and not _NOT_ASKED.match(tail) for tail in opened)
        return (_ASKED if sentence.asks else _TOLD) if asked else 0.0
    return _TOLD if sentence.asks and _asks_by_mark(text) else 0.0


def _asks_by_mark(text: str) -> bool:
    """Return whether a sentence that only its question mark makes one asks for information: "pets?", but not "ok?"."""
    if _DEED.search(text) or _DAY.search(text):
        return False
    return bool(_SPANISH_OPENS.search(text)) or (bool(_FILLERS.sub("", text)) and not _NOT_ASKED.match(text))


def _tells(text: str) -> bool:
    match = _TELL.search(text)
    return match is not None and not _DEED.search(match["rest"]) and not _ENDS.search(text)
