"""How a request is worded: as a command or as people talk, and in which language. Measured on the text alone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

from .similarity import normalised

ENGLISH = "en"

_I = re.IGNORECASE
# What tells speech from a command; a request with any of them is casual. "Show me" and "give me" are commands, so
# `me` does not count as first person; neither does a bare "please", which commands have as well.
MARKERS: dict[str, re.Pattern[str]] = {
    "fillers": re.compile(
        r"\b(?:u+m+|u+h+|h+m+|e+rm?|you know|i mean|i guess|i think|kind of|kinda|sort of|sorta|or something|"
        r"or whatever|or so|maybe|actually|basically|honestly|anyway|whatever|wait|oops|ugh|wow|meh)\b|"
        r"\blike,|, like\b|\.\.\.|\u2026",
        _I,
    ),
    "contractions": re.compile(
        r"\b(?:\w+n['\u2019]t|\w+['\u2019](?:m|re|ve|ll|d)|"
        r"(?:it|that|what|there|here|let|who|where|how|he|she|everything|everyone|nothing|something|today|tonight|"
        r"one)['\u2019]s)\b|"
        # A noun's 's is an "is" or "has" before these, and a possessive before most other words.
        r"\w['\u2019]s (?:a|about|all|been|coming|getting|going|gone|here|just|not|off|on|out|over|so|still|the|too|"
        r"up)\b",
        _I,
    ),
    "questions": re.compile(
        r"\?|^(?:(?:hey|so|um|okay|ok|lamp|hi|and|but|well)[ ,]+)*"
        r"(?:can|could|would|will|what|which|how|is|are|do|does|did|any ideas?|may|shall|should|got|have you|why|"
        r"who)\b",
        _I,
    ),
    "first person": re.compile(r"\b(?:i|i['\u2019]\w+|my|mine|myself|we|we['\u2019]\w+|our|ours|us)\b", _I),
    "openings": re.compile(
        r"^(?:hey|hi|hello|yo|okay|ok|alright|all right|lamp|oh|so|well|right|listen|look|quick one|good morning)\b", _I
    ),
    "slang": re.compile(
        r"\b(?:gonna|wanna|gotta|lemme|gimme|cmon|c'mon|pls|plz|thx|ty|cheers|ta|yeah|yep|nah|nope|dude|bro|mate|guys|"
        r"folks|y'?all|awesome|chill|chillin|\w+-ish|ish|stuff|thingy|bit of|u|ur|r|n|2nite|tonite|"
        r"super|pretty please|no idea|dunno|surprise me|you pick)\b",
        _I,
    ),
}


def words(prompt: str) -> list[str]:
    """The words of a request, in lower case, without punctuation."""
    return normalised(prompt).split()


def markers(prompt: str) -> list[str]:
    """Which marks of speech a request has; none means that it is a plain command or a bare phrase."""
    return [name for name, pattern in MARKERS.items() if pattern.search(prompt)]


def distinct(requests: Iterable[list[str]]) -> tuple[float | None, float | None]:
    """Distinct-1 and distinct-2: different words (neighbouring pairs of words) per word (pair), 0..1.

    None where there is none. Larger sets have lower values of the same language (Li et al., "A
    Diversity-Promoting Objective Function for Neural Conversation Models", 2016).
    """
    singles: set[str] = set()
    couples: set[tuple[str, str]] = set()
    number_of_words = number_of_couples = 0
    for request in requests:
        singles.update(request)
        couples.update(pairwise(request))
        number_of_words += len(request)
        number_of_couples += max(0, len(request) - 1)
    return (
        len(singles) / number_of_words if number_of_words else None,
        len(couples) / number_of_couples if number_of_couples else None,
    )


# Languages. A script that one language writes decides alone; words decide between those with Latin letters. The lists
# have what people say to a lamp and nothing that is an English word as well; they are no dictionary.
_SCRIPTS = (
    ("ja", re.compile("[\u3040-\u30ff]")),
    ("ko", re.compile("[\uac00-\ud7af\u1100-\u11ff]")),
    ("zh", re.compile("[\u4e00-\u9fff]")),
    ("uk", re.compile("[\u0404\u0406\u0407\u0454\u0456\u0457]")),
    ("ru", re.compile("[\u0400-\u04ff]")),
    ("el", re.compile("[\u0370-\u03ff]")),
    ("he", re.compile("[\u0590-\u05ff]")),
    ("fa", re.compile("[\u067e\u0686\u0698\u06af]")),
    ("ar", re.compile("[\u0600-\u06ff]")),
    ("hi", re.compile("[\u0900-\u097f]")),
    ("bn", re.compile("[\u0980-\u09ff]")),
    ("th", re.compile("[\u0e00-\u0e7f]")),
)
_WORDS = {
    "es": "haz algo hazme muestra muéstrame pon ponme quiero una luz por para dibuja enciende apaga más estrella"
    " bonito bonita corazón noche hazlo el los las del cálido cálida azul rojo verde como mi tranquilo lámpara"
    " necesito suave fiesta dormir colores cuenta atrás buenas buenos está oscuro sol gato"
    " esta hoy música lluvia estoy muy quisiera un favor",
    "fr": "montre moi fais une un le les des du s'il plaît plait vous dessine lumière mets comme je veux bleu"
    " rouge vert allume éteins quelque chose étoile cœur coeur avec doux douce nuit lampe jaune soleil"
    " voudrais doucement couleurs joli ça dormir chat sur j'ai d'été la"
    " danse toute ce soir est pluie suis mon ma bonne très",
    "de": "zeig zeige mir mach mache ein eine einen bitte licht das und ist wie für ich zeichne etwas stern herz"
    " schalte blau rot grün gemütlich gemütliches warmes schönes abend lampe der dem den zum sonne leuchte nicht"
    " langsam ruhiges entspannendes party farben möchte schlafen katze male mal auf"
    " hier richtig stimmung entspannen ruhiges heute bin gute nacht regen",
    "it": "mostra mostrami fammi una un qualcosa di luce per favore il che disegna vorrei cuore stella accendi metti"
    " notte rosso verde lampada caldo calda bello mi la gatto sole rilassante spegni colori dormire voglio"
    " luci sono stasera della buonanotte pioggia sera",
    "pt": "mostre mostra faça faz me algo uma luz por favor desenhe desenha quero coração estrela noite acende com"
    " para você bonito mais azul vermelho verde preciso calmo calma relaxante lâmpada o sol gato dormir cores"
    " boa noite bem luz está eu queria hoje frio lá fora estou chuva quentinha fraquinha",
    "nl": "laat zien een maak het licht alsjeblieft iets teken ik wil graag hart ster moois zet aan voor mij rustig"
    " gezellig blauw rood groen lamp doe wat zon kat slapen kleuren van de"
    " nog lezen ben avond regen welterusten",
    "sv": "visa ett gör något ljus tack rita hjärta stjärna jag vill snälla tänd lugnt mysigt blå röd grön mig lampa"
    " en sol katt sova färger för varmt"
    " stäng av lampan lampa ljuset och jag är natt",
    "da": "vis et hjerte lys noget tegn jeg vil gerne tak hyggeligt stjerne blå rød grøn mig lampe en sol kat farver"
    " gør det hyggeligt sluk lyset",
    "no": "vis et hjerte lys noe tegn jeg vil takk koselig stjerne blå rød grønn meg lampe en sol katt farger",
    "fi": "näytä tee jotain valo valoa sydän tähti kiitos minulle haluan piirrä sininen punainen vihreä lämmin",
    "pl": "pokaż zrób coś proszę światło narysuj serce gwiazda gwiazdę chcę jak mi ładnego zapal spokojne niebieski"
    " czerwony zielony ciepłe nastrój lampa słońce kota noc"
    " romantycznego dla nas dwojga jest dobranoc wieczór",
    "cs": "ukaž udělej něco světlo srdce prosím hvězdu hvězda chci nakresli modrá červená zelená teplé mi slunce",
    "ro": "arată fă ceva lumină inimă te rog stea vreau desenează albastru roșu verde caldă frumos",
    "hu": "mutass csinálj valami szép fény fényt kérlek szív csillag rajzolj kék piros zöld meleg egy kérek"
    " kapcsold le fel a lámpát jó éjszakát",
    "tr": "göster bir yap lütfen ışık çiz kalp yıldız bana güzel şey istiyorum mavi kırmızı"  # noqa: RUF001
    " yeşil sıcak gece güneş aç iyi geceler"  # noqa: RUF001
    " kitap okuyacağım kapat lambayı",  # noqa: RUF001
    "id": "tampilkan buat sesuatu cahaya tolong gambar hati bintang lampu warna biru merah hijau hangat aku"
    " tunjukkan malam indah",
    "vi": "hãy ánh sáng cho tôi một ngôi sao trái màu xanh đỏ đèn vẽ",
    "sw": "onyesha nyota moyo taa mwanga tafadhali rangi ya bluu nyekundu nataka chora",
    "ja": "misete kudasai hikari hoshi kirei onegai tsukete akai aoi",
    "hi": "dikhao karo kuch roshni accha chahiye mujhe ek rang dil jalao sitara",
}
# English words, or nearly: they count beside others only.
_NOT_TELLING = frozenset({
    "a", "aan", "av", "bleu", "de", "do", "en", "est", "et", "fora", "kat", "la", "lamp", "le", "ma", "male", "me",
    "mi", "o", "party", "sol", "te", "un", "van",
})  # fmt: skip
_LANGUAGES_OF: dict[str, tuple[str, ...]] = {
    word: tuple(language for language, text in _WORDS.items() if word in text.split())
    for word in {word for text in _WORDS.values() for word in text.split()}
}


def language(prompt: str) -> str:
    """The language of a request (ISO 639-1), by its script or its commonest words; English where nothing speaks
    for another one."""
    for name, script in () if prompt.isascii() else _SCRIPTS:
        if script.search(prompt):
            return name
    said = words(prompt)
    votes = dict.fromkeys(_WORDS, 0)
    known = telling = 0
    for word in said:
        languages = _LANGUAGES_OF.get(word, ())
        known += bool(languages)
        telling += bool(languages) and word not in _NOT_TELLING
        for each in languages:
            votes[each] += 1
    if not telling or 3 * known < len(said):
        return ENGLISH
    return max(votes, key=lambda name: votes[name])
