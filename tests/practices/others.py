"""Three policies that are not the sample's: a club for grown-ups, a shop, a newspaper."""

from __future__ import annotations

from typing import Final

import upheld

HEAD: Final = "---\npolicy: {name}\nprovider: {name}\nversion: '1'\naddress: /privacy\n---\n\n"
# A club: served from 40 on, without bills, advertisements or guardians.
CLUB: Final = (
    HEAD.format(name="The Forty Club")
    + """\
Members are forty and older. {#members}

```rule
may serve when age >= 40
```

We ask for your name, address and birth date, and keep what we need to write to you. {#asking}

```rule
may collect name, email, birth-date, credentials from customer at registration
may collect credentials from customer
may store identity, contact-details, birth-date, credentials with encryption
may use birth-date for age-check
may use email, name, credentials for security, administrative-message
may contact for administrative-message
```

You see what we hold. {#seeing}

```rule
may view personal-information by customer for rights-request, service-provision when signed-in
```
"""
)
# A shop: everybody is served, nobody is asked how old they are, and anything may be collected.
SHOP: Final = (
    HEAD.format(name="Corner Shop")
    + """\
Everybody may buy here. {#everybody}

```rule
may serve
```

We collect what an order needs. {#orders}

```rule
define all as identity, contact-details, payment, account-data, transaction, usage, segment
may collect all
may store all with encryption
may use all for service-provision, billing, security, administrative-message
may contact for administrative-message, service-announcement
may share name, card to payment-processor for billing
```

You see what we hold, and can have it erased. {#rights}

```rule
may view personal-information by customer for rights-request, service-provision when signed-in
may share personal-information to customer for rights-request
must answer-access within 30 days when access-requested
must answer-erasure within 30 days when erasure-requested
```
"""
)
# A newspaper: the young read with their parents' leave, up to a hundred; letters and no bills.
PAPER: Final = (
    HEAD.format(name="Daily Larch")
    + """\
Readers between eight and fifteen need their parents' leave. {#readers}

```rule
may serve when age >= 16 and age < 100
may serve when age >= 8 and age < 16 and guardian-permission
```

We ask for your birth date, and for where to send letters. {#letters}

```rule
may collect email, birth-date, credentials, interests from customer at registration
may collect email from customer at visit
may store email, birth-date, credentials, interests, messages with encryption
may use email, birth-date, credentials for age-check, security, newsletter, administrative-message
may contact for newsletter, administrative-message
may collect messages from provider
may view messages, email, interests by customer for service-provision, rights-request when signed-in
```
"""
)
POLICIES: Final = {"club": CLUB, "shop": SHOP, "paper": PAPER}


def policy(name: str) -> upheld.Policy:
    """One of these policies."""
    return upheld.load_text(POLICIES[name])
