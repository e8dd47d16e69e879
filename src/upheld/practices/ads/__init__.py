"""Advertisements: booked, reviewed and shown by us; an advertiser hears of nobody."""
