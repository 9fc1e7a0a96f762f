"""Proposes patterns for prices: currencies and their order, leads and trails without a currency, pairs, and ranges."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from libs.common.facts.amounts import CURRENCY, UNIT_WORDS, currency_code
from libs.common.linear_pattern import linear_pattern
from libs.common.text_fold import STOPWORDS
from services.rag.patterns.lexicon import COUNTRY_CURRENCY, PRICE_LEADS, PRICE_TRAILS
from services.rag.patterns.numbers import Convention, convention
from services.rag.patterns.pattern import MIN_PRECISION
from services.rag.patterns.proposal import Proposal, Table, in_pieces, is_punctuation, literal, shapes
from services.rag.patterns.study import Number, Study, words_before

_CURRENCY_AFTER = linear_pattern(rf"^ ?({CURRENCY})")
_CURRENCY_BEFORE = linear_pattern(r"(us\$|[€$£₦]|\b(?:usd|eur|gbp|xof|xaf|fcfa)) ?$")
_TRAIL = linear_pattern(rf"^ ?({PRICE_TRAILS})")
_QUANTITY_BEFORE = linear_pattern(rf"\b(\d{{1,5}}) ?({UNIT_WORDS})( ?[^\d\n\pL]{{1,4}} ?| a | pour | for | = )$")
_RANGE = linear_pattern(r"^( ?[-/] ?| a | et | ou | to | or | and )$")
_GAP = linear_pattern(r"^[^\d\n:=]{1,30}[:=] ?$")
_ROW_BEFORE = linear_pattern(r"[\pL)]( ?[:|=…_.-]{1,12} ?)$")
_STOPWORDS = STOPWORDS["fr"] | STOPWORDS["en"]
_MAX_JOINT = 16
_MIN_LEAD_LETTERS = 3


@dataclass(frozen=True, slots=True)
class Money:
    """What is known of a tenant's money before patterns are made."""

    # The currency of most amounts, or the country's.
    currency: str
    conventions: dict[str, Convention]
    # Smallest and largest amount by currency.
    ranges: dict[str, tuple[float, float]]

    def plausible(self, value: float, currency: str) -> bool:
        """Returns whether an amount without a currency is about as large as those with one: within a factor of three.

        Without any, 50 francs or half a euro or dollar are enough.
        """
        low, high = self.ranges.get(currency, (150.0 if currency == "XOF" else 1.5, 3e6))
        return low / 3 <= value <= high * 3


def currency_of(study: Study, number: Number, country: str) -> str:
    """Returns the currency that stands at a number, empty when there is none."""
    after = _CURRENCY_AFTER.match(study.after(number.end))
    if after:
        return currency_code(after.group(1), country)
    before = _CURRENCY_BEFORE.search(study.before(number.start))
    return currency_code(before.group(1), country) if before else ""


def know_money(studies: Sequence[Study], country: str) -> Money:
    """Returns the currencies of the documents, and how their amounts are written."""
    written: dict[str, list[str]] = defaultdict(list)
    for study in studies:
        for number in study.numbers:
            if number.kind == "money" and (currency := currency_of(study, number, country)):
                written[currency].append(number.written)
    main = max(sorted(written), key=lambda each: len(written[each]), default=COUNTRY_CURRENCY.get(country, ""))
    conventions = {currency: convention(numbers, currency) for currency, numbers in written.items()}
    if main and main not in conventions:
        plain = [number.written for study in studies for number in study.numbers if number.kind == "number"]
        conventions[main] = convention(plain, main)
    ranges: dict[str, tuple[float, float]] = {}
    for currency, numbers in written.items():
        values = [float(conventions[currency].value(number)) for number in numbers]
        ranges[currency] = (min(values), max(values))
    return Money(main, conventions, ranges)


def propose_prices(
    studies: Sequence[Study], money: Money, country: str, *, names: frozenset[str]
) -> Iterator[Proposal]:
    """Yields proposals made from what `studies` show; `names` of places never become words that lead to a price."""
    yield from _with_currency(studies, money, country)
    if money.currency:
        yield from _without_currency(studies, money, country, names)


def _with_currency(studies: Sequence[Study], money: Money, country: str) -> Iterator[Proposal]:
    after: dict[str, Counter[str]] = defaultdict(Counter[str])
    before: dict[str, Counter[str]] = defaultdict(Counter[str])
    ranges = shapes()
    for study in studies:
        for number in study.numbers:
            if number.kind != "money":
                continue
            for table, word in (
                (after, _CURRENCY_AFTER.match(study.after(number.end))),
                (before, _CURRENCY_BEFORE.search(study.before(number.start))),
            ):
                if word and (currency := currency_code(word.group(1), country)) in money.conventions:
                    table[currency][word.group(1)] += 1
                    break
        for first, second in pairwise(study.numbers):
            order = _range_order(study, first, second)
            if order:
                currency = currency_of(study, second if order == "after" else first, country)
                ranges[order, currency].add(study.text[first.end : second.start], study)
    for currency, words in after.items():
        yield Proposal("prix", rf"\b{money.conventions[currency].expression()} ?{_devise(words)}")
    for currency, words in before.items():
        yield Proposal("prix", rf"{_devise(words)} ?{money.conventions[currency].expression()}")
    for (order, currency), joints in ranges.items():
        amounts = money.conventions[currency]
        first, second, joint = amounts.expression(), amounts.expression("_2"), joints.expression()
        if order == "after":
            # The currency belongs to the second; the group's order in the expression does not matter to readers.
            yield Proposal("prix_plage", rf"\b{first}{joint}{second} ?{_devise(after[currency])}")
        else:
            yield Proposal("prix_plage", rf"{_devise(before[currency])} ?{first}{joint}{second}")


def _range_order(study: Study, first: Number, second: Number) -> str:
    """Returns on which side of `5 000 - 8 000` its currency stands, `before` or `after`; empty when it is no range."""
    if not _RANGE.match(study.text[first.end : second.start]):
        return ""
    if (first.kind, second.kind) == ("number", "money") and _CURRENCY_AFTER.match(study.after(second.end)):
        return "after"
    is_led = _CURRENCY_BEFORE.search(study.before(first.start)) is not None
    return "before" if (first.kind, second.kind) == ("money", "number") and is_led else ""


def _without_currency(
    studies: Sequence[Study], money: Money, country: str, names: frozenset[str]
) -> Iterator[Proposal]:
    implied = f"(?P<en_{money.currency.lower()}>)"
    amount = money.conventions[money.currency].expression()
    leads = _leads(studies) - names
    lead_shapes, trail_shapes, pairs, rows = shapes(), shapes(), shapes(), shapes()
    for study in studies:
        for number in study.numbers:
            left, right = study.before(number.start), study.after(number.end)
            if number.kind in ("money", "number"):
                is_priced = number.kind == "money" and bool(currency_of(study, number, country))
                _note_pair(pairs, left, "with" if is_priced else "without", study)
            trail = _TRAIL.match(right)
            if trail and number.kind in ("number", "quantity"):
                trail_shapes["trail", trail.group(1)].add("", study)
            if number.kind == "number":
                _note_lead(lead_shapes, left, leads, study)
                row = _ROW_BEFORE.search(left)
                if row and not right.strip(" |"):
                    rows["row", "|" if "|" in row.group(1) else ":"].add(row.group(1), study)
    for (kind,), joints in lead_shapes.items():
        joint = r"[^\d\n:=]{1,30}[:=] ?" if kind == "gap" else joints.expression()
        for words in in_pieces(leads, 199 - len(joint + amount + implied)):
            yield Proposal("prix", rf"\b(?:{words}){joint}{amount}{implied}")
    for _, trail in trail_shapes:
        yield Proposal("prix", rf"\b{amount}{implied} ?{literal(trail)}")
    for joints in rows.values():
        yield Proposal("prix", rf"[\pL)]{joints.expression()}{amount}{implied}[ |]{{0,3}}(?:\n|$)")
    yield from _pairs(pairs, money, implied)


def _note_pair(table: Table, left: str, order: str, study: Study) -> None:
    pair = _QUANTITY_BEFORE.search(left)
    if pair:
        table[order, pair.group(2)].add(pair.group(3), study)
        table[order, ""].add(pair.group(3), study)


def _note_lead(table: Table, left: str, leads: frozenset[str], study: Study) -> None:
    """Notes what stands between the nearest lead in a window and the number behind the window."""
    joint = next((left[end:] for word, end in reversed(words_before(left)) if word in leads), None)
    if joint is None:
        return
    if is_punctuation(joint) and len(joint) <= 6:
        table["run",].add(joint, study)
    elif _GAP.match(joint):
        table["gap",].add(joint, study)
    elif len(joint) <= _MAX_JOINT:
        table["phrase",].add(joint, study)


def _pairs(table: Table, money: Money, implied: str) -> Iterator[Proposal]:
    amount = money.conventions[money.currency].expression()
    for order in ("with", "without"):
        units = sorted(unit for kind, unit in table if kind == order and unit)
        if not units:
            continue
        joint = table[order, ""].expression()
        tail = rf" ?{_devise(_words(money.currency))}" if order == "with" else implied
        yield Proposal(
            "prix_quantite", rf"\b(?P<quantite>\d{{1,4}}) ?(?P<unite>{'|'.join(units)}){joint}{amount}{tail}"
        )


def _words(currency: str) -> Counter[str]:
    usual = {"XOF": ("fcfa", "f cfa", "f", "frs", "xof"), "EUR": ("€", "euros", "eur"), "USD": ("$", "usd", "dollars")}
    return Counter(usual.get(currency, (currency.lower(),)))


def _leads(studies: Sequence[Study]) -> frozenset[str]:
    """Returns the words that stand before money: known ones, and those that the tenant uses so and for nothing else."""
    money, other = Counter[str](), Counter[str]()
    documents: dict[str, set[int]] = defaultdict(set)
    for study in studies:
        for number in study.numbers:
            words = {word for word, _ in words_before(study.before(number.start)) if word not in _STOPWORDS}
            if number.kind == "money":
                money.update(words)
                for word in words:
                    documents[word].add(study.place)
            elif number.kind == "number":
                money.update(words & PRICE_LEADS)
            else:
                other.update(words)
    return frozenset(
        word
        for word, count in money.items()
        if (word in PRICE_LEADS or (len(documents[word]) > 1 and len(word) >= _MIN_LEAD_LETTERS and word.isalpha()))
        and count / (count + other[word]) >= MIN_PRECISION
    )


def _devise(words: Counter[str]) -> str:
    """Returns the group of a currency as the tenant writes it; words end where a word ends."""
    floor = 0.05 * sum(words.values())
    usual = sorted((word for word, count in words.items() if count >= floor), key=lambda each: (-len(each), each))
    escaped = "|".join(literal(word) for word in usual)
    ends_in_letter = all(word[-1].isalpha() for word in usual)
    return rf"(?P<devise>{escaped})" + (r"\b" if ends_in_letter else "")
