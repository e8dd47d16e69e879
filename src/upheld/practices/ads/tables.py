"""Campaigns, the domains of advertisers, and numbers by campaign and day; nothing by a name.

How many views and clicks of somebody were counted in a month stands under a mark that only our key
makes, without what they saw, and goes when the month is over.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Integer, LargeBinary, Table, Text

from upheld.database.columns import ID, WORD, Instant, metadata, sealed, tells

advertiser_domain: Final = Table(
    "advertiser_domain",
    metadata,
    Column("party", WORD, primary_key=True),  # the company's word on the register
    Column("domain", WORD, nullable=False),
    Column("mac", LargeBinary),
    info=sealed(few=True),
)

campaign: Final = Table(  # thousands of them: one is read for each page
    "campaign",
    metadata,
    Column("campaign_id", ID, primary_key=True),
    Column("party", WORD, nullable=False),
    Column("title", WORD, nullable=False),
    Column("text", Text, nullable=False),
    Column("address", WORD, nullable=False),
    Column("category", WORD, nullable=False),
    Column("criteria", Text, nullable=False),  # JSON: dimension, to bands
    Column("begins", Instant, nullable=False),
    Column("ends", Instant, nullable=False),
    Column("views_max", Integer, nullable=False),  # how many views or clicks are booked
    Column("state", WORD, nullable=False),  # waiting, approved, refused, stopped
    Column("reason", Text, nullable=False),
    Column("eligible", Integer, nullable=False),  # people at least, by the estimate at the review
    Column("smallest", Integer, nullable=False),  # the policy's smallest group at the review
    Column("created_at", Instant, nullable=False),
    Column("created_by", WORD, nullable=False),
    Column("reviewed_by", WORD, nullable=False),
    Column(
        "paid_by", WORD
    ),  # views or clicks; nothing where it was booked before there was a price
    Column("cents", Integer),  # what a block of them costs
    Column("stops", Text),  # such as "2026-03-11/2026-03-20 2026-04-02/": stopped, and run again
    Column("mac", LargeBinary),
    info=sealed(),
)

ad_count: Final = Table(  # as they are counted; a day's row goes when the day is reported
    "ad_count",
    metadata,
    Column("campaign_id", ID, primary_key=True),
    Column("day", WORD, primary_key=True),
    Column("views", Integer, nullable=False),
    Column("clicks", Integer, nullable=False),
    Column("mac", LargeBinary),
    info=sealed(),
)

ad_report: Final = Table(  # what is told of a day, with noise; it never changes
    "ad_report",
    metadata,
    Column("campaign_id", ID, primary_key=True),
    Column("day", WORD, primary_key=True),
    Column("views", Integer, nullable=False),
    Column("clicks", Integer, nullable=False),
    Column("mac", LargeBinary),
    info=sealed(),
)

ad_release: Final = Table(  # of which month the reports were paid for from the privacy budget
    "ad_release",
    metadata,
    Column("month", WORD, primary_key=True),
    Column("kind", WORD, primary_key=True),  # of campaigns for anybody, or for a group
    Column("points", Integer, nullable=False),
    Column("mac", LargeBinary),
    info=sealed(few=True),
)

ad_estimate: Final = Table(  # how many people there are of a group, with noise
    "ad_estimate",
    metadata,
    Column("criteria", WORD, primary_key=True),  # a digest of the group
    Column("people", Integer, nullable=False),  # at least so many
    Column("smallest", Integer, nullable=False),  # the policy's smallest group then
    Column("made_at", Instant, nullable=False),
    Column("mac", LargeBinary),
    info=sealed(),
)

ad_share: Final = Table(  # how many views and clicks of somebody were counted in a month
    "ad_share",
    metadata,
    Column("mark", WORD, primary_key=True),  # of the person and the month, by our key
    Column("month", WORD, nullable=False),
    Column("views", Integer, nullable=False),
    Column("clicks", Integer, nullable=False),
    Column("mac", LargeBinary),
    info=sealed(),
)

ad_complaint: Final = Table(  # how often customers reported a campaign, and why; nothing of who
    "ad_complaint",
    metadata,
    Column("campaign_id", ID, primary_key=True),
    Column("reason", WORD, primary_key=True),
    Column("waiting", Integer, nullable=False),
    Column("reviewed", Integer, nullable=False),
    Column("mac", LargeBinary),
    info=sealed(),
)

ad_hide: Final = Table(  # which campaigns somebody wants to see no more
    "ad_hide",
    metadata,
    Column("person_id", ID, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),  # their ids, under the person's own key
    Column("mac", LargeBinary),
    info=tells(besides="which advertisements are no longer to be shown")
    | sealed(owner="person_id"),
)

ad_segment: Final = Table(  # who is in which band, as bitmaps without ids, for an hour at most
    "ad_segment",
    metadata,
    Column("word", WORD, primary_key=True),  # of the policy and the day they were made under
    Column("made_at", Instant, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("mac", LargeBinary),
    info=sealed(few=True),
)

ad_picture: Final = Table(  # of a campaign, without what a camera or program put beside it
    "ad_picture",
    metadata,
    Column("campaign_id", ID, primary_key=True),
    Column("kind", WORD, nullable=False),  # png, jpg
    Column("alternative", WORD, nullable=False),  # the text for whoever does not see it
    Column("width", Integer, nullable=False),  # pixels
    Column("height", Integer, nullable=False),
    Column("picture", LargeBinary, nullable=False),
    Column("mac", LargeBinary),
    info=sealed(),
)

ad_invoice: Final = Table(  # invoices and corrections, as they were issued; none changes or goes
    "ad_invoice",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),  # each one more than before
    Column("party", WORD, nullable=False),
    Column("month", WORD, nullable=False),
    Column("corrects", Integer, nullable=False),  # the number of an invoice, or 0
    Column("reason", Text, nullable=False),  # of a correction
    Column("lines", Text, nullable=False),  # JSON
    Column("statement", Text, nullable=False),  # how its numbers were made
    Column("issued_at", Instant, nullable=False),
    Column("issued_by", WORD, nullable=False),  # as the entry names them; empty for the job
    Column("mac", LargeBinary),
    info=sealed(few=True),
)

ad_name: Final = Table(  # what was asked last of a company's name that mentions a sensitive topic
    "ad_name",
    metadata,
    Column("party", WORD, primary_key=True),  # the company's word on the register
    Column("name", WORD, nullable=False),  # as it was then, and the domain
    Column("domain", WORD, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", WORD, nullable=False),  # waiting, allowed, refused
    Column("asked_by", ID, nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("decided_by", ID, nullable=False),
    Column("mac", LargeBinary),
    info=sealed(few=True),
)
