"""Where values stand on an axis, which of them are named there, and how people read them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_LEAST = 1e-4
_TICKS = 4
_SECOND_UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
_SUFFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_BYTES = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps values onto pixels from `bottom` up to `top`, evenly or by their logarithms."""

    low: float
    high: float
    bottom: float
    top: float
    is_log: bool = False

    @classmethod
    def of(
        cls, values: Sequence[float], *, bottom: float, top: float, is_log: bool = False, maximum: float | None = None
    ) -> "Scale":
        """Returns a scale that holds `values`; an even one begins at 0, or below where there are values."""
        if is_log:
            least = min((value for value in values if value > 0), default=_LEAST)
            low = 10 ** math.floor(math.log10(max(least, _LEAST)))
            return cls(low, max(10 ** math.ceil(math.log10(max(*values, low * 10))), low * 10), bottom, top, True)
        low, high = min(0.0, *values), max(*values, 0.0) if maximum is None else maximum
        return cls(low, high if high > low else low + 1.0, bottom, top)

    def __call__(self, value: float) -> float:
        """Returns the pixel of `value`; what lies outside is drawn at the edge."""
        low, high, value = (self._along(each) for each in (self.low, self.high, value))
        share = min(max((value - low) / (high - low), 0.0), 1.0)
        return self.bottom - share * (self.bottom - self.top)

    def ticks(self, *, base: float = 1.0) -> list[float]:
        """Returns round multiples of `base` from the lowest on, of a scale by logarithms the decades."""
        if self.is_log:
            decades = range(round(math.log10(self.low)), round(math.log10(self.high)) + 1)
            return [10.0**each for each in decades][:: max(1, len(decades) // _TICKS)]
        rough = (self.high - self.low) / _TICKS / base
        power = 10 ** math.floor(math.log10(rough))
        step = base * next(power * each for each in (1, 2, 2.5, 5, 10) if power * each >= rough * 0.999)
        first = math.ceil(self.low / step)
        return [number * step for number in range(first, math.floor(self.high / step * 1.001) + 1)]

    def _along(self, value: float) -> float:
        return math.log10(max(value, self.low)) if self.is_log else value


def shown_value(value: float, unit: str, *, decimals: int | None = None) -> str:
    """Returns a value as Grafana writes it in one of its units."""
    formats: dict[str, Callable[[float], str]] = {
        "percentunit": lambda each: f"{_digits(100 * each, decimals)} %",
        "percent": lambda each: f"{_digits(each, decimals)} %",
        "s": lambda each: _scaled(each, _SECOND_UNITS, decimals),
        "bytes": lambda each: _scaled(each, _BYTES, decimals),
        "currencyUSD": lambda each: f"${_digits(each, decimals)}",
        "cps": lambda each: f"{_digits(each, decimals)} /s",
        "reqps": lambda each: f"{_digits(each, decimals)} /s",
    }
    return formats.get(unit, lambda each: _scaled(each, _SUFFIXES, decimals))(value)


def _scaled(value: float, units: Sequence[tuple[float, str]], decimals: int | None) -> str:
    size, name = next(((size, name) for size, name in units if abs(value) >= size), (1.0, ""))
    if not name and units is _SECOND_UNITS:
        return "0 s" if value == 0 else f"{_digits(value / 1e-6, None)} µs"
    return f"{_digits(value / size, decimals if size == 1.0 else None)} {name}".strip()


def _digits(value: float, decimals: int | None) -> str:
    if decimals is None:
        decimals = 0 if value == int(value) or abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
