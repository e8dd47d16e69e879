"""The files of tests that take longest at the long size, in which order does not matter much.

A worker that begins with them has short ones left for the end, when the others have no more.
"""

from typing import Final

LONGEST: Final = tuple(
    f"tests/{name}.py"
    for name in (
        "practices/test_number",
        "practices/test_silent_months",
        "gate/test_power",
        "policy/test_engines",
        "gate/test_forgetting_faults",
        "database/test_sweep",
        "gate/test_faults",
        "practices/test_balance_law",
        "browser/test_portal",
        "docs/test_docs",
        "browser/test_stories",
        "laws/test_decide",
        "gate/test_editions",
        "gate/test_backup",
        "cli/test_lines",
        "practices/test_demo",
        "practices/test_installed",
        "practices/test_zone",
        "practices/test_crawl",
        "practices/test_silent_answers",
        "practices/test_safe",
        "gate/test_races",
        "gate/test_reconnect",
        "cli/test_posting_killed",
        "database/test_sealed",
        "cli/test_admin",
        "mutate/test_mutate",
        "browser/test_page",
        "practices/test_termination",
        "practices/test_version_console",
        "practices/test_objections",
        "practices/test_incidents",
    )
)
