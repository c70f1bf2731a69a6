"""A web shop that asks first, says why it shows what it shows, tells what it knows, and forgets.

python examples/webshop [DIRECTORY] [PORT]

Needs `pip install 'privet[examples]'`. Serves on 127.0.0.1 only; a visitor is a random cookie.
Behind TLS, set the cookie `secure` as well.
"""

import hmac
import re
import secrets
import sys
from collections.abc import Awaitable, Callable
from html import escape
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, Form, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, RedirectResponse
from pages import STYLE, about, banner, catalogue, form, listed, page, suggestions
from starlette.exceptions import HTTPException as HttpError
from store import PURPOSE, SHELF, Webshop

import privet

COOKIE = "visitor"
ANSWERED = {"active", "declined", "withdrawn"}  # whoever answered is not asked again
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",  # pages are about one person
}


def build(directory: Path) -> FastAPI:  # noqa: PLR0915 - one short route after another
    """The application on a directory, which may be empty."""
    directory.mkdir(parents=True, exist_ok=True)
    site = Webshop(directory)
    app = FastAPI(title="Shop", docs_url=None, redoc_url=None, openapi_url=None)

    def visitor_of(request: Request) -> str:
        return str(request.state.visitor)

    def posted(request: Request, token: Annotated[str, Form()]) -> str:
        visitor = visitor_of(request)
        if not hmac.compare_digest(token.encode(), site.token(visitor).encode()):
            raise HTTPException(
                403, "This form is not from here, or too old. Go back and try again."
            )
        return visitor

    def item_of(item: str) -> str:
        if item not in SHELF:
            raise HTTPException(404, "There is no such thing on the shelf.")
        return item

    Visitor = Annotated[str, Depends(visitor_of)]  # noqa: N806
    Poster = Annotated[str, Depends(posted)]  # noqa: N806

    @app.middleware("http")
    async def dress(request: Request, follow: Callable[[Request], Awaitable[Response]]) -> Response:
        given = request.cookies.get(COOKIE, "")
        known = re.fullmatch(r"[A-Za-z0-9_-]{43}", given) is not None
        request.state.visitor = given if known else secrets.token_urlsafe(32)
        response = await follow(request)
        response.headers.update(HEADERS)
        if request.state.visitor != given:
            response.set_cookie(COOKIE, request.state.visitor, httponly=True, samesite="lax")
        return response

    @app.exception_handler(HttpError)
    def failed(request: Request, error: HttpError) -> Response:
        return page(
            HTTPStatus(error.status_code).phrase,
            f"<p>{escape(error.detail)}</p>",
            error.status_code,
        )

    @app.exception_handler(RequestValidationError)
    def incomplete(request: Request, error: RequestValidationError) -> Response:
        return page("Bad Request", "<p>The form was not complete.</p>", 400)

    @app.exception_handler(privet.PrivetError)
    def refused(request: Request, error: privet.PrivetError) -> Response:
        return page(
            "That was refused", f"<p>{escape(str(error))}</p>", 409
        )  # holds nothing personal

    @app.get("/")
    def home(visitor: Visitor) -> Response:
        token, standing = site.token(visitor), site.standing(visitor)
        asked = "" if standing in ANSWERED else banner(site, visitor, token)
        return page("Shop", asked + suggestions(site, visitor) + catalogue(token))

    @app.get("/item/{item}")
    def item_page(visitor: Visitor, item: Annotated[str, Depends(item_of)]) -> Response:
        site.look(visitor, item)
        title, words, price = SHELF[item]
        buy = form("/buy", site.token(visitor), "Buy", f"Buy {title}", item=item)
        return page(title, f"<p>{escape(words)}, {price} €</p>{buy}")

    @app.post("/answer")
    def answer(
        visitor: Poster,
        answer: Annotated[str, Form()],
        notice: Annotated[str, Form()],
        seen: Annotated[int, Form()],
    ) -> Response:
        site.answer(visitor, yes=answer == "yes", notice=notice, seen=seen)
        return RedirectResponse("/", 303)

    @app.post("/buy")
    def buy(visitor: Poster, item: Annotated[str, Form()]) -> Response:
        site.buy(visitor, item_of(item))
        return RedirectResponse("/", 303)

    @app.get("/me")
    def me(visitor: Visitor) -> Response:
        told = site.known(visitor)
        token = site.token(visitor)
        asked = "" if site.standing(visitor) == "active" else banner(site, visitor, token)
        body = asked + ("<p>Nothing.</p>" if told is None else about(told, token))
        return page("What we know about you", body)

    @app.post("/withdraw")
    def withdraw(visitor: Poster) -> Response:
        site.shop.subject(visitor, proof="session cookie").consent.withdraw(PURPOSE)
        return RedirectResponse("/", 303)

    @app.post("/erase")
    def erase(request: Request, visitor: Poster) -> Response:
        done = site.shop.subject(visitor, proof="session cookie").rights.erase()
        name = secrets.token_urlsafe(16)
        (site.certificates / f"{name}.json").write_bytes(done.certificate)
        request.state.visitor = secrets.token_urlsafe(32)  # who comes next is somebody new
        held = [
            f"{escape(h.law)}: {escape(', '.join(h.fields))}, until {escape(h.until[:10])}"
            for h in done.held
        ]
        rest = f"<p>A law holds:</p>{listed(held)}" if held else "<p>Nothing is left.</p>"
        link = f'<p><a href="/certificate/{name}" download="certificate.json">Your certificate</a>'
        return page("You are erased", f'{rest}{link} (<a href="/key">key to verify it</a>)</p>')

    @app.get("/certificate/{name}")
    def certificate(name: str) -> Response:
        file = site.certificates / f"{name}.json"
        if not re.fullmatch(r"[A-Za-z0-9_-]{22}", name) or not file.is_file():
            raise HTTPException(404, "There is no such certificate.")
        return Response(file.read_bytes(), media_type="application/json")

    @app.get("/key")
    def key() -> Response:
        auditor = site.shop.principal("public", roles=["auditor"])
        return PlainTextResponse(auditor.audit.verifier_key)

    @app.get("/favicon.ico")
    def no_icon() -> Response:
        return Response(status_code=204)

    @app.get("/style.css")
    def style() -> Response:
        return Response(STYLE, media_type="text/css")

    return app


def main(directory: str = "var/webshop", port: str = "8000") -> None:
    """Serve until interrupted."""
    uvicorn.run(build(Path(directory)), host="127.0.0.1", port=int(port), access_log=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
