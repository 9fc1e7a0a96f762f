"""What a voice is given to read, by language. Paid voices of the fast kind read figures badly, the local one too."""

from services.voice.numbers_en import speakable_english
from services.voice.numbers_fr import speakable_french

NORMALISER_VERSION = "2"
"""Part of the key of every kept phrase: raised when the rules change what is read."""


def speakable(text: str, locale: str) -> str:
    """Returns `text` with its figures, abbreviations, codes and addresses as words, in French and in English.

    Text of another language comes back as it is. `locale` is a BCP 47 tag; in `en-US`, `12/11` is a day of December.
    """
    language, _, country = locale.partition("-")
    if language == "fr":
        return speakable_french(text)
    if language == "en":
        return speakable_english(text, month_first=country.upper() == "US")
    return text
