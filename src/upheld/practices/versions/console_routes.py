"""Where the pages of versions stand in the console, and who has them in the menu."""

from __future__ import annotations

from starlette.routing import Route

from upheld.practice.endpoints import Handler, require_sign_in
from upheld.practice.plugin import MenuEntry, Provider
from upheld.practices.versions import drafts
from upheld.practices.versions.bound_pages import BOUND, ROLES, TABLE, BoundPages
from upheld.practices.versions.console_pages import CONSOLE, DraftPages
from upheld.practices.versions.finding_pages import FINDINGS, FindingPages
from upheld.practices.versions.reach import ReachPage
from upheld.practices.versions.shadow_pages import ShadowPages

CONSOLE_MENU = (
    MenuEntry(
        "staff",
        "Who is bound",
        BOUND,
        "Which version binds whom, notices, approvals",
        92,
        roles=ROLES,
    ),
    MenuEntry("staff", "Versions", CONSOLE, "Drafts of the policy", 93, roles=drafts.ROLES),
)


def console_routes(provider: Provider, console: DraftPages) -> list[Route]:
    """The drafts of versions, and who is bound by which."""
    everybody, reach, shadow = BoundPages(provider), ReachPage(provider), ShadowPages(provider)

    def desk(method: str, path: str, handler: Handler, *, fresh: bool = False) -> Route:
        endpoint = require_sign_in(provider, "staff", handler, fresh=fresh)
        return Route(path, endpoint, methods=[method])

    finding = FindingPages(provider, reach)
    draft = f"{CONSOLE}/{{draft}}"
    return [
        desk("GET", BOUND, everybody.show),
        desk("GET", TABLE, everybody.table),
        desk("GET", FINDINGS, finding.show),
        desk("POST", FINDINGS, finding.record),
        desk("GET", CONSOLE, console.show_all),
        desk("POST", CONSOLE, console.draft),
        desk("GET", draft, console.show),
        desk("GET", f"{draft}/redline", console.redline),
        desk("GET", f"{draft}/policy.md", console.file),
        desk("GET", f"{draft}/reach", reach.show),
        desk("GET", f"{draft}/shadow", shadow.show),
        desk("POST", f"{draft}/shadow", shadow.begin),
        desk("POST", f"{draft}/shadow/end", shadow.end),
        desk("POST", f"{draft}/approve", console.approve, fresh=True),
        desk("POST", f"{draft}/post", console.post, fresh=True),
        desk("POST", f"{draft}/drop", console.drop, fresh=True),
    ]
