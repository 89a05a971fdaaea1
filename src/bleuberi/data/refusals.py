"""Detect whether a text begins by declining to answer, in six languages.

Each language has openings (an apology, thanks, "As an AI ..."), after which a refusal may follow in the same sentence
or the next, and refusals: a subject, "cannot" and a deed that answers a request, which "I cannot help but smile" lacks.
To add a language, add an entry to `_LANGUAGES` and sentences of both kinds to the tests, written before the patterns.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_LOOKED_AT: Final = 300  # characters


class _Language(NamedTuple):
    openings: str
    refusals: str
    word_begin: str = r"\b"


_EN_CANNOT: Final = (
    r"(?:can['’]?t|can ?not|could not|am unable to|['’]m unable to|was unable to|(?:am|['’]m) not (?:able|allowed) to|"
    r"won['’]t be able to|won['’]?t|will not|refuse to|decline to|would rather not)"
)
_EN_DEED: Final = (
    r"(?:help(?! (?:but|myself|it|\w+ing)\b)|assist|provide|fulfill?|comply|answer|respond|create|generate|write|"
    r"produce|offer|give(?! (?:up|in)\b)|engage|support|participate|discuss|continue with|share|complete|process|"
    r"do (?:that|this|so)|access|browse|(?:open|see|view) (?:the |any |your |that |this |an? |external )*(?:links?|"
    r"files?|images?|pictures?|photos?|attachments?|videos?|documents?|websites?|pages?|content))\b"
)
_EN_DEED_AFTER_OPENING: Final = (
    r"(?:determine|predict|solve|extract|prepare|edit|continue|identify|verify|confirm|diagnose|perform|draft|find|"
    r"make|promote|recommend|judge|evaluate|summarize|translate|check|have|feel|be)\b"
)
_EN_HOW: Final = r"(?:\w+ly |just |also |therefore )*"
_EN_OPENINGS: Final = (
    r"(?:(?:i['’]?m|i am|we are|we['’]re) (?:\w+ )?(?:sorry|afraid)|sorry|(?:my |our )?apologies|"
    r"i (?:do )?apologi[sz]e|unfortunately|regrettably|thank you|thanks|i appreciate|i understand|no|"
    r"as an? (?:ai|artificial intelligence|(?:large )?language))\b"
)
_LANGUAGES: Final = (
    _Language(
        _EN_OPENINGS,
        rf"(?:(?:i|we) ?{_EN_HOW}{_EN_CANNOT} {_EN_HOW}{_EN_DEED}"
        r"|i (?:must|have to|need to|will have to) (?:\w+ )?(?:decline|refuse)\b"
        r"|i (?:do(?:n['’]t| not) feel|am not|['’]m not) comfortable\b"
        r"|i['’]m not comfortable\b"
        r"|(?:this|that) is (?:not )?something (?:that )?i (?:can|am able)\b)",
    ),
    _Language(
        r"(?:(?:es )?tut mir (?:\w+ )?leid|entschuldigung|entschuldigen sie|verzeihung|leider|bedauerlicherweise|"
        r"ich bitte um (?:entschuldigung|verzeihung)|ich entschuldige mich|danke|vielen dank|nein|"
        r"als (?:ki|künstliche|\w+ ?sprachmodell|sprachmodell))\b",
        r"(?:(?:ich (?:kann|darf|werde|möchte)|(?:kann|darf|werde|möchte) ich)\b[^.!?]{0,60}?\b"
        r"(?:nicht (?!anders|genug|mehr)|kein\w* )[^.!?]{0,80}?\b(?:weiter)?(?:helfen|unterstützen|antworten|"
        r"beantworten|auskunft|\w*beratung|anleitung|erstellen|schreiben|verfassen|liefern|bereitstellen|erfüllen|nachkommen|tun|"
        r"generieren|anbieten)\b"
        r"|(?:ich bin|bin ich) nicht in der lage|es ist mir (?:leider )?nicht möglich"
        r"|(?:ich muss|muss ich)\b[^.!?]{0,60}\bablehnen\b|ich weigere mich|ich lehne [^.!?]{0,40}\bab\b)",
    ),
    _Language(
        r"(?:(?:je suis |nous sommes )?(?:\w+ )?désolée?s?|je m['’]excuse|(?:toutes )?mes excuses|pardon|"
        r"malheureusement|je regrette|merci|non|en tant qu(?:e|['’])\s?(?:ia|intelligence|assistant|modèle))\b",
        r"(?:je ne (?:peux|saurais|pourrai) (?:malheureusement |vraiment |donc )?(?:pas )?"
        r"(?:(?:vous|te|y|en|le|la) |t['’])*(?:aider|assister|répondre|fournir|donner|écrire|rédiger|"
        r"générer|créer|accéder|satisfaire|faire (?:cela|ça)|"
        r"continuer|participer|proposer|offrir|accepter)\b"
        r"|je ne (?:suis|serai) (?:malheureusement )?pas (?:en mesure|capable|autorisée?) (?:de|d['’]|à)"
        r"|il m['’]est impossible|je (?:dois|me vois contrainte? de) (?:[\w ]{0,20} )?(?:refuser|décliner)|je refuse d"
        r"|je ne (?:vais|veux) pas (?:vous |t['’]|te )?(?:aider|écrire|fournir|générer|rédiger|participer)\b)",
    ),
    _Language(
        r"(?:lo (?:siento|lamento)|lamento|disculp\w+|perd[oó]n\w*|pido disculpas|desafortunadamente|lamentablemente|"
        r"me temo|gracias|no,|como (?:modelo|una? (?:ia|modelo|inteligencia|asistente)))",
        r"(?:no (?:puedo|podré|podemos) (?:ayudar|asistir|proporcionar|ofrecer|responder|contestar|escribir|generar|"
        r"crear|cumplir|hacer (?:eso|esto)|participar|compartir|redactar|brindar)\w*"
        r"|no (?:puedo|podré) dar\w* (?:\w+ )?(?:consejo|instruccion|información|asesor|detalle)"
        r"|lamento no poder|no me es posible|no estoy en condiciones|no soy capaz de"
        r"|debo (?:rechazar|declinar|negarme)|me niego a|no voy a (?:ayudar|escribir|generar|crear|participar)\w*)",
    ),
    _Language(
        r"(?:извини(?:те)?|прости(?:те)?|прошу прощения|приношу (?:свои )?извинения|к сожалению|сожалею|"
        r"мне (?:очень )?жаль|спасибо|нет|как (?:\w+ )?(?:языковая|искусственный|ии|модель))\b",
        r"(?:я (?:\w+ )?не (?:могу|смогу|в состоянии|способн[аы]?|вправе|буду)\b[^.!?]{0,20}?\b(?:помочь|помогать|"
        r"ответить|отвечать|предоставить|предоставлять|дать|давать|создать|создавать|написать|писать|выполнить|выполнять|"
        r"сгенерировать|рассказать|обсуждать|делать|сделать|участвовать)\b"
        r"|(?:с этим |здесь |тут )?(?:я )?(?:вам |тебе )?помочь (?:вам |тебе )?не (?:могу|смогу)"
        r"|я (?:вынужден|должен)\w* [^.!?]{0,20}?отказ|я отказываюсь|противоречит (?:моим|правилам))",
    ),
    _Language(
        r"(?:(?:我)?(?:很|非常|十分|真的|深感)?(?:抱歉|对不起|遗憾|不好意思)|作为(?:一个|一名)?(?:人工智能|AI|语言模型|大型语言模型))",
        r"(?:我?(?:无法|不能|没办法|不可以|不便)[^。！？不]{0,12}?(?:协助|帮助|帮忙|回答|提供|满足|生成|完成|创作|讨论|处理|执行|参与|做这|做那)"
        r"|我(?:没办法|无法|不能)(?:回答|提供|协助)|我不会(?:写|提供|协助|帮助|生成|参与|创作)(?:任何|这|此|该|那|有关|您|你)"
        r"|我(?:必须|只能|不得不)拒绝|恕我)",
        word_begin="",  # nothing stands between words
    ),
)
_AFTER_OPENING: Final = re.compile(
    rf"^\W*{_EN_OPENINGS}[^.!?]{{0,60}}?\b"
    rf"i ?(?:do(?:n['’]t| not) have|{_EN_CANNOT} {_EN_HOW}{_EN_DEED_AFTER_OPENING})\b",
    re.IGNORECASE,
)
# In the sentence of the opening, or as the one after it.
_REFUSAL: Final = re.compile(
    "|".join(
        rf"^[\W_]*(?:(?:{language.openings})(?:[^.!?。！？\n]{{0,100}}?{language.word_begin}|[^.!?。！？\n]{{0,60}}[.!。！]\s*))?"
        rf"(?:{language.refusals})"
        for language in _LANGUAGES
    ),
    re.IGNORECASE,
)


def is_refusal(text: str) -> bool:
    """Whether the text begins by declining to answer."""
    opening = text[:_LOOKED_AT]
    return _REFUSAL.match(opening) is not None or _AFTER_OPENING.match(opening) is not None
