"""What is asked and written under `api/`: a hunt, and the answers to a campaign.

Bodies are checked by pydantic, strictly. That writing needs a token is the `gate`'s affair.
"""

from __future__ import annotations

from typing import Annotated, NoReturn

from fastapi import FastAPI, Response
from pydantic import Field

from selfsup.explorer.answering import Strict, attached, fresh, told
from selfsup.explorer.hunting import Hunting
from selfsup.explorer.labelling import Labelling
from selfsup.explorer.refusal import Refused


class Rating(Strict):
    """Of a galaxy; None withdraws it."""

    row: int
    rating: int | float | None


class Answered(Strict):
    """What one person answers about a galaxy."""

    row: int
    answers: Annotated[list[str], Field(max_length=200)]


def add_hunt(app: FastAPI, hunting: Hunting) -> None:
    """Take ratings, and tell what is expected because of them."""

    @app.get("/api/hunt")
    def state() -> Response:
        return told(hunting.state())

    @app.post("/api/hunt/rate")
    def rate(said: Rating) -> Response:
        return told(hunting.rate(said.row, said.rating))

    @app.post("/api/hunt/next")
    def following() -> Response:
        return told(hunting.learn(offer=True))

    @app.get("/api/hunt/interest.bin")
    def interest() -> Response:
        return fresh(hunting.interest(), "bin")

    @app.get("/api/hunt/ratings.csv")
    def ratings() -> Response:
        return attached(hunting.ratings_csv(), "ratings.csv")

    @app.get("/api/hunt/ranking.csv")
    def ranking() -> Response:
        return attached(hunting.ranking_csv(), "ranking.csv")


def add_label(app: FastAPI, labelling: Labelling) -> None:
    """Ask what a campaign asks, and take the answers."""

    @app.get("/api/label")
    def state() -> Response:
        return told(labelling.state())

    @app.post("/api/label/answer")
    def answer(said: Answered) -> Response:
        return told(labelling.answer(said.row, said.answers))

    @app.post("/api/label/finish")
    def finish() -> Response:
        return told(labelling.finish())


def nothing_there(name: str) -> NoReturn:
    """Raise Refused, which says how there would be something."""
    what = {"hunt": "There is no hunt of this catalogue.", "label": "Start with task.campaign=DIR to label."}
    raise Refused(404, what.get(name.partition("/")[0], "There is nothing of that name."))
