"""Where all are in time in a small network: the same pieces, made nearer and sent in fewer parcels. Pure.

A plan is compared with one that puts each line where its kilometres and the worth of its minutes together
are least (`jobs.worth_km`). Then a few lines at a time are taken out and put in again in another turn, as
long as it saves kilometres or parcels and leaves the load as fair. Leaves what to do where not all are in
time to `jobs.tight` and `jobs.nearer`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from jobs.filling import Book, Weights
from jobs.kits import share_in_time, unfair
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
#: What load is worth, where kilometres count together with the worth of minutes.
_LOAD = 0.05
#: How often lines go where printers lose least by them, and how much more kilometres count then.
_BY_LOSS, _NEARER = 0.25, 3.0
#: Where load is not fair nobody at first gets so many times what all labs give, half of the time.
_LEVEL = 1.1
#: How unfair load may be at last, and after each time; 1.1 is where Jain's index is 0.9.
_FAIR, _FAIRLY = 1.1, 1.05
#: The index of Jain at which prices aim, since whole plates leave less of it; and at which they aim too where
#: the first plan is not fair, as where many labs have nothing that they could make.
_AIM, _LOWER_AIM = 0.94, 0.902
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
    fair = max(unfair(book.lab_load()), _FAIR)
    # What begins with one lab that does nearly all may end so: then the first plan is made nearer.
    if other := search.other():
        search.start(*other)
        search.mend(rounds)
        if unfair(search.book.lab_load()) <= fair:
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
        self._share = share_in_time(lines, left)
        self._near: Singles = np.zeros((lines.count, net.printers), np.float32)  # a score

    def drives_little(self) -> bool:
        """Return whether there is nothing to save."""
        return self._first_km <= TINY

    def start(self, book: Book, left: Floats) -> None:
        """Begin with a plan."""
        self.book, self.left = book, left
        self._cost, self._worse = self._costs(book)

    def other(self) -> tuple[Book, Floats] | None:
        """Weigh kilometres and minutes; return a plan by that if it costs less than the first."""
        first, lines = self.book, self.book.lines
        best, least_cost, near = None, self._costs(first)[0], self._near
        for aim in (_LOWER_AIM, _AIM) if unfair(first.lab_load()) > _FAIR else (_AIM,):
            worth, shares = worth_km(first.net, lines, first.ends_min, aim)
            least = worth.min(axis=1, keepdims=True)
            worth = self._per_km * (worth - np.where(np.isfinite(least), least, 0.0))
            self._near = np.minimum(worth, _DEAREST).astype(np.float32)
            if best is None:
                near = self._near
            for given in (shares, None):
                book, left = self._by_worth(given)
                cost = self._costs(book)[0]
                if share_in_time(lines, left) >= self._share and cost < least_cost:
                    best, least_cost, near = (book, left), cost, self._near
        self._near = near
        return best

    def _by_worth(self, shares: Floats | None) -> tuple[Book, Floats]:
        """Put all lines into an empty book where they cost least, those of shares [L, P] first."""
        first, lines = self.book, self.book.lines
        book, left = Book(first.net, lines, first.ends_min), lines.pieces.copy()
        for line in np.lexsort((book.able[lines.part], lines.due_min[lines.order])).tolist():
            if shares is not None:
                left[line] -= self._in_shares(book, line, shares[line])
            self._insert(book, left, line, by_loss=False)
        return book, left

    def _in_shares(self, book: Book, line: int, shares: Floats) -> float:
        """Put in full plates of a line, of each printer no more than its share; return the pieces."""
        made, pieces = book.makers(line), float(book.lines.pieces[line])
        own = shares[made.printer] * pieces
        plates = np.minimum(own / made.pieces + 0.5, book.possible(line, book.bucket(line)))
        plates = np.where(own < self._least, 0.0, plates).astype(np.int64)
        plates[np.cumsum(plates * made.pieces) > pieces] = 0
        return book.insert_plates(line, book.bucket(line), plates)

    def mend(self, rounds: int) -> None:
        """Put lines in again so often at most."""
        stale = 0
        for _ in range(min(rounds, _ROUNDS)):
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
        parcels = self._parcels(book) / self._first_parcels
        return self._km(book) / self._first_km * worse + _PARCELS * parcels, worse

    def _again(self) -> bool:
        """Put a few lines in again; return whether it was of use."""
        book, had = self.book, self.left.copy()
        before = book.state()
        self._change()
        cost, worse = self._costs(book)
        fair = worse <= max(self._worse, _FAIRLY)
        if fair and cost <= self._cost and share_in_time(book.lines, self.left) >= self._share:
            of_use = cost < self._cost * (1.0 - _SAVED)
            self._cost, self._worse = cost, worse
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
