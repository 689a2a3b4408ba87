"""Where all are in time in a small network: the same pieces, made nearer and sent in fewer parcels. Pure.

A plan is compared with one by the shares of the plan with the fewest kilometres (`jobs.worth_km`), in whole
plates, and what they leave where kilometres and the worth of minutes together are least. Prices are found
again where that is late or unfair, or sends more than half of the parcels that earliest completion would:
kilometres and parcels beyond half of its count more than others. Then a few lines at a time are taken out and
put in again in another turn, as long as it saves kilometres or parcels and leaves the load as fair. Leaves
what to do where not all are in time to `jobs.tight` and `jobs.nearer`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from jobs.filling import Book, Weights
from jobs.kits import jain, share_in_time, unfair
from jobs.network import TINY, Floats, Ints, Singles
from jobs.worth_km import worth_km

#: So many times at most; after so many that were of no use no more.
_ROUNDS, _STALE = 1200, 100
#: Of use is what makes a plan cost less by such a share.
_SAVED = 0.0005
#: Fewer lines are taken out at once; those first that could save most, against chance.
_OUT, _CHANCE = 9, 0.1
#: How much all parcels count against all kilometres.
_PARCELS = 0.2
#: And how much what is beyond about half of what earliest completion takes.
_OVER, _HALF = 1.0, 0.495
#: What load is worth, where kilometres count together with the worth of minutes.
_LOAD = 0.05
#: How often lines go where printers lose least by them, and how much more kilometres count then.
_BY_LOSS, _NEARER = 0.25, 3.0
#: Where load is not fair nobody at first gets so many times what all labs give, half of the time.
_LEVEL = 1.1
#: How unfair load may be at last, and after each time: where Jain's index is 0.9, and 0.904.
_FAIR, _FAIRLY = 1.1, 1.08
#: The index of Jain at which prices aim first; where the plan is not as fair, or late, they aim again, by how
#: far it is from what is wanted, between these.
_AIM, _WANTED, _AIMS = 0.905, 0.904, (0.902, 0.96)
#: How often prices are found at most.
_TRIES = 3
#: How much all parcels count where prices are found; and where a plan by those sends too many.
_GATHERED, _MORE = 0.04, 0.4
#: Less than such a share of the least lot is none, more is a whole one.
_NONE = 0.5
#: So many times as often lines are put in again where not all is in time at first.
_LATE = 3
#: More than any piece costs: it cannot be made there, or not in time.
_DEAREST = 6.0


def fewer_km(
    book: Book, left: Floats, regret: Singles, weights: Weights, least: float, rounds: int
) -> tuple[Book, Floats]:
    """Return a book with the same in time that drives less or sends less, and what is left of lines [L].

    Args:
        book: of a plan of which nothing was kept, all in time and `movable`; may be changed.
        left: [L], pieces without room; may be changed.
        regret: [Q, P].
        weights: as of the plan.
        least: as of the plan.
        rounds: how often at most lines are put in again.
    """
    if not weights.km or not book.lines.count:
        return book, left
    search = _Search(book, left, regret, weights, least)
    if search.drives_little():
        return book, left
    # What begins with one lab that does nearly all may end so: then the first plan is made nearer.
    if other := search.other():
        search.start(*other)
        search.mend(rounds)
        if search.fair_in_time():
            return search.book, search.left
    search.start(book, left)
    search.mend(rounds)
    return search.book, search.left


class _Search:
    """Puts lines of a book in again, drawn from one seed."""

    def __init__(
        self, book: Book, left: Floats, regret: Singles, weights: Weights, least: float
    ) -> None:
        self.book, self.left, self._least = book, left, least
        self._draw = np.random.default_rng(0)  # the same for the same facts
        net, lines = book.net, book.lines
        self._regret, self._by_loss = regret, replace(weights, km=_NEARER * weights.km)
        self._per_km = weights.km
        self._weights = Weights(km=0.0, load=_LOAD, new=weights.new)
        self._site_km = net.km[lines.site[lines.order]]
        self._first_km, self._first_parcels = self._km(book), self._parcels(book)
        soonest = _soonest(book)
        self._half_km = max(_HALF * self._km(soonest), TINY)
        self._half_parcels = max(_HALF * self._parcels(soonest), TINY)
        self._share = share_in_time(lines, left)
        self._fair = max(unfair(book.lab_load()), _FAIR)
        self._near: Singles = np.zeros((lines.count, net.printers), np.float32)  # a score

    def drives_little(self) -> bool:
        """Return whether there is nothing to save."""
        return self._first_km <= TINY

    def start(self, book: Book, left: Floats) -> None:
        """Begin with a plan."""
        self.book, self.left = book, left
        self._cost, self._worse = self._costs(book)
        self._got = share_in_time(book.lines, left)

    def fair_in_time(self) -> bool:
        """Return whether as much is in time as in the first plan, and load is as fair."""
        return self._in_time() and self._worse <= self._fair

    def _in_time(self) -> bool:
        return self._got >= self._share

    def other(self) -> tuple[Book, Floats] | None:
        """Weigh kilometres and minutes; return a plan by that if it costs less than the first.

        Some of it may be late, where all plans by that are.
        """
        lines, found = self.book.lines, []
        aim, whole, gathered = _AIM, True, _GATHERED if len(lines.weight) > 1 else 0.0
        for _ in range(_TRIES):
            book, left = self._by_worth(self._weigh(aim, gathered, whole=whole))
            late = share_in_time(lines, left) < self._share
            cost, worse = self._costs(book)
            found.append((late, worse > _FAIR, cost, (book, left), self._near))
            many = gathered == _GATHERED and self._parcels(book) > self._half_parcels
            if not (late or many or worse > _FAIR):
                break
            aim = float(np.clip(aim + _WANTED - jain(book.lab_load()), *_AIMS))
            whole, gathered = not late, _MORE if many else gathered
        *_, cost, plan, self._near = min(found, key=lambda each: each[:3])
        return plan if cost < self._costs(self.book)[0] else None

    def _weigh(self, aim: float, gathered: float, *, whole: bool) -> Floats:
        """Say where lines cost least; return the shares [L, P] of a plan by that."""
        book = self.book
        worth, shares = worth_km(
            book.net, book.lines, book.ends_min, aim,
            parcel_km=gathered * self._first_km / self._first_parcels, whole=whole,
        )  # fmt: skip
        least = worth.min(axis=1, keepdims=True)
        worth = self._per_km * (worth - np.where(np.isfinite(least), least, 0.0))
        self._near = np.minimum(worth, _DEAREST).astype(np.float32)
        return shares

    def _by_worth(self, shares: Floats) -> tuple[Book, Floats]:
        """Put all lines into an empty book where they cost least, those of shares [L, P] first."""
        first, lines = self.book, self.book.lines
        book, left = Book(first.net, lines, first.ends_min), lines.pieces.copy()
        for line in np.lexsort((book.able[lines.part], lines.due_min[lines.order])).tolist():
            left[line] -= self._in_shares(book, line, shares[line])
            self._insert(book, left, line, by_loss=False)
        return book, left

    def _in_shares(self, book: Book, line: int, shares: Floats) -> float:
        """Put in full plates of a line by shares [P], of each lab about its own; return the pieces."""
        made, pieces = book.makers(line), float(book.lines.pieces[line])
        own, lab = shares[made.printer] * pieces, book.net.node[made.printer]
        of_lab = np.bincount(lab, own)
        lots = np.where(of_lab < _NONE * self._least, 0.0, np.maximum(of_lab, self._least))
        own *= (lots / np.maximum(of_lab, TINY))[lab]
        own *= min(1.0, pieces / max(float(own.sum()), TINY))
        plates = np.minimum(
            _in_whole(own / made.pieces, lab), book.possible(line, book.bucket(line))
        )
        plates[np.cumsum(plates * made.pieces) > pieces] = 0
        return book.insert_plates(line, book.bucket(line), plates)

    def mend(self, rounds: int) -> None:
        """Put lines in again so often at most."""
        stale = 0
        for _ in range(min(rounds if self._in_time() else _LATE * rounds, _ROUNDS)):
            if stale >= _STALE:
                break
            stale = 0 if self._again() else stale + 1

    def _km(self, book: Book) -> float:
        """Return the kilometres of all good pieces."""
        rows = book.rows
        good = rows.copies(book.net, book.lines) * book.net.good[rows.printer]
        return float(good @ self._site_km[rows.line, rows.printer])

    def _parcels(self, book: Book) -> int:
        rows, orders = book.rows, len(book.lines.weight)
        return len(np.unique(book.net.node[rows.printer] * orders + book.lines.order[rows.line]))

    def _costs(self, book: Book) -> tuple[float, float]:
        """Return what a plan costs, against the first, and how unfair it is."""
        worse = unfair(book.lab_load())
        parcels, driven = self._parcels(book), self._km(book) * max(worse / _FAIRLY, 1.0)
        over = max(driven / self._half_km, 1.0) + max(parcels / self._half_parcels, 1.0)
        cost = driven / self._first_km + _PARCELS * parcels / self._first_parcels
        return cost + _OVER * over, worse

    def _again(self) -> bool:
        """Put a few lines in again; return whether it was of use."""
        book, had = self.book, self.left.copy()
        before = book.state()
        self._change()
        cost, worse = self._costs(book)
        got = share_in_time(book.lines, self.left)
        fair = worse <= max(self._worse, _FAIRLY)
        sooner = not self._in_time() and got > self._got
        if fair and got >= self._got and (cost <= self._cost or sooner):
            of_use = sooner or cost < self._cost * (1.0 - _SAVED)
            self._cost, self._worse, self._got = cost, worse, got
            return of_use
        book.restore(before)
        self.left = had
        return False

    def _change(self) -> None:
        """Take a few lines out and put them in again, by due date or as it comes."""
        book, draw, lines = self.book, self._draw, self.book.lines
        most = _LEVEL * float(book.lab_load().mean())
        out = self._some()
        for line in out.tolist():
            book.take_out(line)
            self.left[line] = lines.pieces[line]
        if draw.integers(2):
            out = out[np.argsort(lines.due_min[lines.order[out]], kind="stable")]
        by_loss = bool(draw.random() < _BY_LOSS)
        even = self._worse > 1.0 and bool(draw.integers(2))
        for level in (most, np.inf) if even else (np.inf,):
            if level != book.level:
                book.limit(level)
            for line in out.tolist():
                self._insert(book, self.left, line, by_loss=by_loss)

    def _some(self) -> Ints:
        """Draw a few lines, the more likely the more they could save."""
        rows, net, lines = self.book.rows, self.book.net, self.book.lines
        good = rows.copies(net, lines) * net.good[rows.printer]
        saves = np.bincount(rows.line, good * self._near[rows.line, rows.printer], lines.count)
        odds = saves / max(float(saves.max(initial=0.0)), TINY) + _CHANCE
        odds += self.left > TINY  # what is late first
        by = np.log(self._draw.random(lines.count)) / odds
        return np.argsort(-by, kind="stable")[: int(self._draw.integers(1, _OUT))]

    def _insert(self, book: Book, left: Floats, line: int, *, by_loss: bool) -> None:
        if left[line] <= TINY:
            return
        if by_loss:
            score = book.score(line, self._regret[book.lines.part[line]], self._by_loss)
        else:
            score = book.score(line, self._near[line], self._weights)
        pieces = float(left[line])
        left[line] = book.insert(line, pieces, book.bucket(line), score, least=self._least)


def _soonest(book: Book) -> Book:
    """Return a book by earliest completion: each line ready as soon as it can be after those before."""
    found = Book(book.net, book.lines, np.zeros(0))
    for line, pieces in enumerate(book.lines.pieces.tolist()):
        found.earliest(line, pieces)
    return found


def _in_whole(plates: Floats, lab: Ints) -> Ints:
    """Round plates [M]: what is cut of one printer's goes to the next of its lab [M]."""
    by = np.argsort(lab, kind="stable")
    sums = np.cumsum(plates[by])
    first = np.searchsorted(lab[by], lab[by])
    before = (sums - plates[by])[first]
    until = np.floor(sums - before + 0.5)
    until_last = np.where(first == np.arange(len(by)), 0.0, np.roll(until, 1))
    found = np.empty(len(by), np.int64)
    found[by] = until - until_last
    return found
