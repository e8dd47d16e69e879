"""A small policy with one of everything that a page shows, for tests of pages."""

from __future__ import annotations

WORDS = """
extends = false
[action]
serve = {takes = [], label = "give access to sites and services"}
answer-access = {takes = [], label = "tell you what we hold"}
[action.disclose]
takes = ["data", "recipient", "purpose", "occasion"]
label = "disclose"
share = {label = "share"}
rent = {label = "rent out"}
sell = {label = "sell"}
[action.use]
takes = ["data", "purpose", "occasion", "actor"]
label = "use"
analyse = {label = "analyse"}
[data.personal-information]
label = "personal information"
[data.personal-information.contact-details]
label = "contact details"
email = {label = "e-mail address", dpv = "pd:EmailAddress"}
phone = {label = "phone number"}
[data.personal-information.payment]
label = "payment"
card = {label = "card number"}
balance = {label = "balance"}
[data.personal-information.activity]
label = "activity"
pages-seen = {label = "pages seen"}
[party]
provider = {label = "us"}
affiliate = {label = "our affiliates"}
[party.outsider]
label = "outsiders"
trusted-partner = {label = "a trusted partner"}
advertiser = {label = "an advertiser"}
collection-agent = {label = "a collection agent"}
court = {label = "a court"}
[purpose.communication]
label = "communication"
offers = {label = "offers"}
support = {label = "support"}
[purpose]
service-provision = {label = "providing the service", dpv = "dpv:ServiceProvision"}
debt-collection = {label = "collecting debts"}
[occasion]
ad-click = {label = "when an ad is clicked"}
registration = {label = "when you register"}
[place]
european-union = {label = "in the European Union"}
[fact]
service-requested = {label = "you asked for a service that needs it"}
confidentiality-agreement = {label = "a confidentiality agreement is in force", per = ["recipient"]}
amount-due = {label = "you owe us money", absent = "no"}
court-order = {label = "a valid order is shown"}
opted-out = {label = "you opted out"}
age = {type = "number", unit = "years", label = "your age"}
guardian-permission = {label = "your guardian agreed"}
access-requested = {label = "you asked what we hold"}
residence = {one-of = ["california", "elsewhere"], label = "where you live"}
minor = {is = "age < 18", label = "you are a minor"}
[duty]
confidentiality = {label = "under confidentiality"}
minimum-group = {label = "in groups of at least this many"}
"""

POLICY = """---
policy: Privacy policy
provider: Larch Valley Internet
version: "2026-11-01"
effective: 2026-11-01
part-of: the Master Terms
address: /legal/privacy
---
# Confidentiality

What our records hold about you is confidential. We do not rent it, sell it or pass it to anyone
outside our company and its affiliates, {#confidential}

```rule
may not disclose personal-information to any but provider, affiliate
```

- unless a service that you asked for needs it; {#requested}

  ```rule
  except may share for service-provision when service-requested
  ```

- or a trusted partner works for us under an agreement that lets it do
  *no more* than this policy. {#trusted-partners}

  ```rule
  except may share to trusted-partner for offers, support
    when confidentiality-agreement and not opted-out
    with confidentiality
  ```

  ```example
  yes  share email to trusted-partner for offers at other
         given confidentiality-agreement, not opted-out
  no   sell email to trusted-partner
  ask  share phone to trusted-partner for support at other
  ```

To collect what you owe us, we may tell a collection agent who you are
and what is due. {#collecting}

```rule
except #confidential may share contact-details, balance to collection-agent
  for debt-collection when amount-due
```

A court receives what it validly orders. {#court}

```rule
except #confidential may share to court when court-order
```

Within our company and its affiliates we share what we know. {#within}

```rule
may share to affiliate, provider
```

# Advertising

When you see or click an advertisement, the advertiser learns nothing about you
from us. {#advertisers}

```rule
may not disclose personal-information to any but provider, affiliate at ad-click
```

```example
no  share email to advertiser for offers at ad-click
```

We sell our lists to anyone. {#lists .severed}

```rule
may sell
```

| Partner | Since |
| --- | --- |
| Mills & Sons | 2024 |

# Your rights

We answer a request for what we hold about you within 30 days. {#access}

```rule
must answer-access within 30 days when access-requested
```

We serve adults, and the young whose guardians agreed. {#serving}

```rule
may serve when age >= 18 or guardian-permission
```

```example
yes  serve  given age = 20
ask  serve  given age = 16
```

We look at numbers of pages seen, never at you. {#numbers}

```rule
define numbers as pages-seen when not minor
may analyse numbers with minimum-group 10
```

This page is no promise that storms will spare our masts. {.note}
"""
