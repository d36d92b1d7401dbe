"""The words of `beatloom admin`. Nothing is imported that would make --help slow."""

from __future__ import annotations

import argparse
from pathlib import Path

_DONE_TO_A_USER = {
    "disable": "log a user out, and stop their keys",
    "enable": "let a user in again",
    "logout": "log a user out everywhere",
}


def add_admin(command: argparse.ArgumentParser) -> None:
    """What operators can ask and order."""
    actions = command.add_subparsers(title="actions", required=True, metavar="ACTION", dest="action")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--url", default="", help="the stack's address (default: the one that runs here)")
    shared.add_argument("--json", action="store_true", help="one object on stdout")

    def add(name: str, about: str) -> argparse.ArgumentParser:
        return actions.add_parser(name, help=about, parents=[shared])

    add("queues", "what waits, by kind: how much, and since when")
    add("pool", "the GPU servers: what each does, and who leaves it alone")
    add("drain", "give a GPU server no new work").add_argument("server", metavar="HOST:PORT")
    add("undrain", "give it work again").add_argument("server", metavar="HOST:PORT")
    add("intake", "whether new orders are taken")
    pause = add("pause", "take no new orders; what runs goes on")
    pause.add_argument("--reason", default="", metavar="TEXT", help="told to whoever orders")
    pause.add_argument("--retry-after", type=int, default=300, metavar="S", help="seconds (default 300)")
    add("resume", "take orders again")
    approve = add("approve", "let a job spend more than its cap")
    approve.add_argument("job", metavar="JOB")
    _add_amount(approve)
    add("sweep", "publish lost tasks again now")
    add("retention", "remove now what nobody needs")
    figures = add("figures", "average score and median seconds for a scene, by what made it")
    figures.add_argument("--days", type=int, default=30, metavar="N", help="of so many days (default 30)")
    spending = add("spending", "who spent what")
    spending.add_argument("--month", default="", metavar="YYYY-MM", help="default: all")
    spending.add_argument("--user", default="", metavar="ID", help="default: all")
    spending.add_argument("--by", default="user", choices=("user", "project", "job", "kind"))
    audit = add("audit", "who changed access, and who spent or allowed money")
    audit.add_argument("--actor", default="", metavar="ID", help="what this user did")
    audit.add_argument("--subject", default="", metavar="ID", help="what was done to this")
    audit.add_argument("--of", default="", metavar="NAME", help="as in user.disabled, or user for all of these")
    audit.add_argument("--since", default="", metavar="TIME", help="not before, as in 2026-11-22T09:00:00Z")
    audit.add_argument("--until", default="", metavar="TIME", help="before it")
    audit.add_argument("--limit", type=int, default=100, metavar="N", help="lines (default 100)")
    audit.add_argument("--before", type=int, metavar="ID", help="only older lines than this one")
    dead = add("dead", "work that was given up")
    dead.add_argument("what", choices=("list", "show", "replay", "drop"))
    dead.add_argument("id", nargs="?", default="", metavar="ID")
    _add_users(actions.add_parser("users", help="who can log in, and what they may spend"), shared)


def _add_users(users: argparse.ArgumentParser, shared: argparse.ArgumentParser) -> None:
    whats = users.add_subparsers(title="what", required=True, metavar="WHAT", dest="what")
    listed = whats.add_parser("list", help="all of them, the newest first", parents=[shared])
    listed.add_argument("--before", default="", metavar="ID", help="only older ones than this")
    create = whats.add_parser(
        "create",
        help="make one; also where no stack runs, in the ledger itself",
        description="By the API of a stack; where none runs and --url names none, in the ledger that"
        " BEATLOOM_INGEST_DATABASE_URL names, or that of the data directory.",
        parents=[shared],
    )
    create.add_argument("email", metavar="EMAIL")
    create.add_argument("--operator", action="store_true", help="who runs the installation")
    create.add_argument(
        "--password-stdin", action="store_true", help="a line of stdin; else one is made up, and shown once"
    )
    create.add_argument("--data-dir", type=Path, metavar="DIR", help="of a stack that doesn't run")
    for name, about in _DONE_TO_A_USER.items():
        whats.add_parser(name, help=about, parents=[shared]).add_argument("id", metavar="ID")
    role = whats.add_parser("role", help="make a user an operator, or an operator a user", parents=[shared])
    role.add_argument("id", metavar="ID")
    role.add_argument("role", choices=("user", "operator"))
    whats.add_parser("budget", help="how a user's month stands", parents=[shared]).add_argument("id", metavar="ID")
    approve = whats.add_parser("approve", help="let a user spend more this month", parents=[shared])
    approve.add_argument("id", metavar="ID")
    _add_amount(approve)
    delete = whats.add_parser("delete", help="a user and everything of theirs", parents=[shared])
    delete.add_argument("id", metavar="ID")
    delete.add_argument("--confirm", default="", metavar="TEXT", help="as it is told without: what would go")
    cap = whats.add_parser("cap", help="what a user may spend in a month", parents=[shared])
    cap.add_argument("id", metavar="ID")
    cap.add_argument("amount", metavar="AMOUNT", help="or `none`: as much as they like")


def _add_amount(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "amount", type=float, nargs="?", metavar="AMOUNT", help="how much more (default: as much again as the cap)"
    )
