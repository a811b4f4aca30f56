"""Consent strings: some as the IAB's own encoders write them, and an encoder for any others."""

from base64 import urlsafe_b64encode
from collections.abc import Collection, Mapping, Sequence

GRANTING_TCF = "CQuFeUAQuFeUAAKACBDEC0FgAPLAAAAAAAYgGMwAgF5gMZAAAAAA"
"""Vendors 755 and 793, purposes 1 to 4, 7, 9 and 10."""
DENYING_TCF = "CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA"
"""The example of the specification of GPP: no vendor and no purpose."""
GRANTING_GPP = f"DBABMA~{GRANTING_TCF}"
DENYING_GPP = f"DBABMA~{DENYING_TCF}"


def encoded(bits: str) -> str:
    """Bits as web-safe base64 without its filling, as every segment is written."""
    whole = bits + "0" * (-len(bits) % 24)
    return urlsafe_b64encode(int(whole, 2).to_bytes(len(whole) // 8)).decode()


def bitfield(vendors: Collection[int], largest: int | None = None) -> str:
    last = max(vendors, default=0) if largest is None else largest
    bits = "".join("1" if vendor in vendors else "0" for vendor in range(1, last + 1))
    return f"{last:016b}0{bits}"


def entries(ranges: Sequence[tuple[int, int]]) -> str:
    said = [
        f"0{first:016b}" if first == last else f"1{first:016b}{last:016b}" for first, last in ranges
    ]
    return f"{len(ranges):012b}" + "".join(said)


def ranged(ranges: Sequence[tuple[int, int]], largest: int | None = None) -> str:
    last = max((last for _, last in ranges), default=0) if largest is None else largest
    return f"{last:016b}1{entries(ranges)}"


def restrictions(rules: Sequence[tuple[int, int, Sequence[tuple[int, int]]]]) -> str:
    """Purpose, kind (0 forbidden, 1 needs consent, 2 needs interest) and ranges of vendors."""
    said = [f"{purpose:06b}{kind:02b}" + entries(ranges) for purpose, kind, ranges in rules]
    return f"{len(rules):012b}" + "".join(said)


def core_bits(
    *,
    version: int = 2,
    language: tuple[int, int] = (3, 4),
    purposes: Collection[int] = (1, 3, 4),
    interests: Collection[int] = (),
    vendors: str | None = None,
    interested: str | None = None,
    rules: str | None = None,
) -> str:
    def bits(chosen: Collection[int]) -> str:
        return "".join("1" if purpose in chosen else "0" for purpose in range(1, 25))

    return "".join(
        [
            f"{version:06b}", f"{17_956_512_000:036b}" * 2, f"{10:012b}", f"{2:012b}", f"{1:06b}",
            f"{language[0]:06b}{language[1]:06b}", f"{180:012b}", f"{5:06b}", "10", "0" * 12,
            bits(purposes), bits(interests), "0", f"{3:06b}{4:06b}",
            bitfield([793]) if vendors is None else vendors,
            bitfield([]) if interested is None else interested,
            restrictions([]) if rules is None else rules,
        ]
    )  # fmt: skip


def fibonacci(number: int) -> str:
    """A number in Fibonacci's coding."""
    series = [1, 2]
    while series[-1] <= number:
        series.append(series[-1] + series[-2])
    bits, rest = "", number
    for term in reversed(series[:-1]):
        bits = ("1" if term <= rest else "0") + bits
        rest -= term if term <= rest else 0
    return bits.rstrip("0") + "1"


def gpp(sections: Mapping[int, str]) -> str:
    """A GPP string of these sections, each number by itself."""
    numbers = sorted(sections)
    steps = [number - before for before, number in zip([0, *numbers], numbers, strict=False)]
    header = f"{3:06b}{1:06b}{len(numbers):012b}" + "".join("0" + fibonacci(n) for n in steps)
    return "~".join([encoded(header), *(sections[number] for number in numbers)])
