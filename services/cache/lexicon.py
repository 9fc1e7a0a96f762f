"""Words that the guard knows, in French and English, accents stripped.

Fixed lists of the languages' closed classes and of the plain words of customer service. Nothing here is a tenant's.
"""

from collections.abc import Mapping
from types import MappingProxyType


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Question classes. WHICH is soft: its noun carries the meaning, so it is never compared, only counted. HOUR and DAY are
# a WHEN that says how finely it asks. MUST asks whether something is needed.
HOW_MUCH, COUNT, DURATION = "HOW_MUCH", "COUNT", "DURATION"
WHERE, WHEN, HOUR, DAY, WHY, WHO, HOW, WHICH = "WHERE", "WHEN", "HOUR", "DAY", "WHY", "WHO", "HOW", "WHICH"
MUST = "MUST"

FUNCTION_WORDS = _words(
    """
    le la les l un une des du de d au aux a en dans sur sous par pour vers chez avec et ou mais donc or car si
    que qu qui quoi ce cet cette ces c ca cela y je j tu il elle on nous vous ils elles me m te t se s moi toi
    lui leur leurs mon ma mes ton ta tes son sa ses notre nos votre vos tres bien aussi alors deja encore
    toujours ici voila n ne bonjour bonsoir salut coucou merci svp stp madame monsieur plait ok hui possible
    eventuellement the an of to in on at for from by with and but so that this these those it its i you he she
    we they my your our their us him her please hi hello hey thanks thank just really very some any there here
    dear
    """
)

# Verbs that carry no intent by themselves; their forms, because stemming does not unite them.
LIGHT_VERBS = _words(
    """
    suis es est sommes etes sont etais etait etaient sera serai seront serait ete etre ai as avons avez ont
    avais avait auras aura aurai aurez avoir eu fais fait faites font faire fera peux peut pouvez pouvons
    peuvent puis pourrais pourrait pourriez pouvoir veux veut voulez voulons voudrais voudrait aimerais aimerait
    aimerions souhaite souhaiterais souhaitez souhaitons desire besoin dois doit devez faut falloir sais
    savoir savez vais va vas allez vont aller trouve trouver trouvez situe situes situee situees donner donnez
    dire dites indiquer indiquez aider aidez obtenir obtient obtenez propose proposez proposer proposons
    auriez aurait existe existent dispose disposez is are was were be been am do does did has have had can could
    will would shall should may might must get want need like know tell help let
    """
)

WANT = _words(
    """
    veux voudrais voudrait aimerais souhaite souhaiterais souhaitons desire besoin want need like
    """
)
AUXILIARY_OF_PAST = _words("ai as avons avez ont have has had ve")
BETWEEN_AUXILIARY_AND_PARTICIPLE = _words(
    """
    pas plus jamais bien deja toujours encore vous ete not already been
    """
)

NEGATION_OPENERS = frozenset(("ne", "n"))
NEGATIONS = _words(
    """
    pas jamais aucun aucune rien ni guere sans not no never none nothing nor without non cannot cant dont doesnt
    didnt isnt arent wont wasnt couldnt
    """
)
# Negations only after an opener; otherwise a comparison, a person, a point.
NEGATIONS_AFTER_OPENER = frozenset(("plus", "personne", "point"))

TOWARDS = _words(
    """
    a au aux vers jusque jusqu contre pour en to into in towards toward until
    """
)
BEFORE_PLACES = _words("a au en sur vers to in at")
ARTICLES = _words(
    """
    le la les l un une des du de d the an mon ma mes votre vos my your
    """
)
# Where a movement may come from; in French also whose a thing is, so it counts with a word of movement only.
AWAY = _words("de d du des depuis from")
_OWNER_WORDS = {
    "MINE": "mon ma mes my",
    "YOURS": "votre vos ton ta tes your",
    "THEIRS": "son sa ses leur leurs his their",
}
OWNERS: Mapping[str, str] = MappingProxyType(
    {word: owner for owner, words in _OWNER_WORDS.items() for word in words.split()}
)
MOVEMENT = _words(
    """
    train bus car vol avion navette bateau ferry trajet voyage taxi course partir part depart arriver arrive arrivee
    venir vient aller retour envoyer transferer transfert virement convertir expedier traduction traduire migrer
    """
)
# Means nothing more where a question asks how long.
LASTING = _words("prend prends prennent prendre prendra takes take taking")

QUESTION_WORDS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("quand", "when"), WHEN),
        **dict.fromkeys(_words("comment how procedure procedures demarche demarches process modalites"), HOW),
        **dict.fromkeys(_words("necessaire obligatoire indispensable required necessary mandatory compulsory"), MUST),
        **dict.fromkeys(("pourquoi", "why"), WHY),
        **dict.fromkeys(("who", "whom", "whose"), WHO),
        **dict.fromkeys(("where",), WHERE),
        **dict.fromkeys(_words("quel quelle quels quelles lequel laquelle which what"), WHICH),
        **dict.fromkeys(
            _words(
                """
                combien prix tarif tarifs cout couts coute coutent couter coutera vaut price prices cost costs fee fees
                """
            ),
            HOW_MUCH,
        ),
        **dict.fromkeys(_words("duree durees delai delais dure durent durer duration"), DURATION),
    }
)

NUMBER_WORDS: Mapping[str, str] = MappingProxyType(
    {
        word: str(value)
        for value, words in enumerate(
            (
                "zero",
                "one",
                "deux two",
                "trois three",
                "quatre four",
                "cinq five",
                "six",
                "sept seven",
                "huit eight",
                "neuf nine",
                "dix ten",
                "onze eleven",
                "douze twelve",
                "treize",
                "quatorze",
                "quinze fifteen",
            )
        )
        for word in words.split()
    }
    | {
        "vingt": "20",
        "twenty": "20",
        "trente": "30",
        "quarante": "40",
        "cinquante": "50",
        "cent": "100",
        "mille": "1000",
    }
)

CALENDAR_WORDS = _words(
    """
    lundi mardi mercredi jeudi vendredi samedi dimanche janvier fevrier mars avril mai juin juillet aout
    septembre octobre novembre decembre matin midi soir nuit demain hier aujourd weekend monday tuesday
    wednesday thursday friday saturday sunday january february march april may june july august september
    october november december today tomorrow yesterday tonight morning evening
    """
)
# An answer to a question that says one of these is stale within the day.
MOMENT_WORDS = _words(
    """
    aujourd demain hier maintenant actuellement today tomorrow yesterday tonight now currently
    """
)

CONTINUATIONS = _words("et ou mais donc alors and but then")
ANAPHORA = _words(
    """
    ca cela celui celle ceux celles meme memes lequel it that them same one ones this those these
    """
)
ASSENTS = _words(
    """
    oui non ouais ok okay d accord dac voila exact exactement parfait merci yes no yeah yep nope sure
    """
)
