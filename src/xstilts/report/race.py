"""A race in words: the rule, who stayed, and every arm that was dropped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xstilts.racing import judged_after
from xstilts.report.words import counted, listed, points

Record = Mapping[str, Any]

RACE = ["Arm", "Dropped after", "Behind on dev", "Once all seeds have run", "Chance to catch up"]
"""The head of the table of dropped arms."""


def rule(race: Record) -> str:
    """How it was decided, and how often that goes wrong; `race` is what `run.json` says of it."""
    if race.get("rule") == "halving":
        after = listed([str(number) for number in judged_after("halving", race["seeds"])])
        decided = (
            f"Arms ran seed after seed; after {after} of {race['seeds']} seeds the worse half on dev was dropped. "
            f"The arm that would have led the full grid is among them with a chance of about {chance(race['lost'])} "
            "(an estimate from the seeds so far, too low where few arms lie close)."
        )
    else:
        decided = (
            f"Arms ran seed after seed, and from the second on those that could not lead the full grid of "
            f"{race['seeds']} seeds on dev any more were dropped. In at most {100 * race['error']:g}% of such races "
            "the arm that would have led it is among them, if noise is normal and, unless one arm stands out, equal."
        )
    return f"{decided} Dropped arms were not tested; corrections for multiple tests count them."


def chance(value: float) -> str:
    """A probability in percent.

    Example:
        >>> chance(1.0), chance(0.123), chance(0.0123), chance(0.0004)
        ('100%', '12%', '1.2%', 'under 0.1%')
    """
    if value < 0.001:
        return "under 0.1%"
    return f"{100 * value:.{0 if value >= 0.1 else 1}f}%"


def outcome(race: Record) -> str:
    """Who was dropped and who stayed, in one sentence.

    Example:
        >>> outcome({"stayed": ["a"], "dropped": [{"arm": "b"}], "seeds": 3})
        'Of 2 arms in the race, 1 was dropped and a stayed.'
    """
    out, stayed = len(race["dropped"]), listed(race["stayed"])
    what = f"{out or 'none'} {'was' if out < 2 else 'were'} dropped"
    return f"Of {out + len(race['stayed'])} arms in the race, {what} and {stayed} stayed."


def dropped_rows(race: Record) -> list[list[str]]:
    """A row for each dropped arm, as `RACE` names its columns."""
    return [
        [
            row["arm"],
            f"{row['seeds']} of {race['seeds']} seeds",
            f"{points(row['behind'], False)} behind {row['leader']}",
            f"{points(row['low'], False)} to {points(row['high'], False)}",
            chance(row["chance"]) if "chance" in row else "",
        ]
        for row in race["dropped"]
    ]


def context(race: Record | None) -> Record | None:
    """What the report's section is given; None without a race."""
    if race is None:
        return None
    return {"rule": rule(race), "outcome": outcome(race), "head": RACE, "rows": dropped_rows(race)}


def lines(race: Record) -> list[str]:
    """The same as sentences, for a terminal."""
    return [
        f"{row['arm']} was dropped after {row['seeds']} of {race['seeds']} seeds: {points(row['behind'], False)} "
        f"points behind {row['leader']} on dev, {points(row['low'], False)} to {points(row['high'], False)} "
        "once all have run."
        for row in race["dropped"]
    ]


def of_round(race: Record, number: int, leader: str, seeds: int) -> str:
    """What one round decided, while a run goes on."""
    out = [row["arm"] for row in race["dropped"] if row["round"] == number]
    what = f"dropped: {', '.join(out)}" if out else "no arm is dropped"
    left = counted(len(race["stayed"]), "arm")
    return f"Race, {seeds} of {race['seeds']} seeds: {leader} leads on dev; {what}; {left} left."
