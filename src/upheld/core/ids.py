"""What names a person, an entry, a task: types apart, so that one is not taken for another.

At run time an id is the text or number that it always was. Whoever reads one out of an address or a
form says so by the type, once: `PersonId(text)`.
"""

from typing import Final, NewType

PersonId = NewType("PersonId", str)  # says nothing of the person
RecordId = NewType("RecordId", str)  # of a record that proves facts: a consent, an agreement
EntryNumber = NewType("EntryNumber", int)  # of an entry of the log: each one more than before
ObligationId = NewType("ObligationId", str)  # of what is owed until it is done
BackupId = NewType("BackupId", str)

UserId = NewType("UserId", str)  # of somebody who works at a desk: our staff, or a company's people
TaskId = NewType("TaskId", str)  # of a task of our staff on a customer, and of its ticket or letter
RequestId = NewType("RequestId", str)  # of what waits for somebody's yes, or for our answer
MessageId = NewType("MessageId", str)  # of a mail: it is sent once under it
DeliveryId = NewType("DeliveryId", str)  # of what goes to a company: it takes it once
InvitationId = NewType("InvitationId", str)

AgreementId = NewType("AgreementId", str)  # of an agreement with a company
ArticleId = NewType("ArticleId", str)
BeaconKey = NewType("BeaconKey", str)  # by which pages of a company tell us of visits
BlockId = NewType("BlockId", str)  # of lines of visits that are sealed together
CampaignId = NewType("CampaignId", str)
ClientId = NewType("ClientId", str)  # of a company's program that asks our API
ClosingId = NewType("ClosingId", str)  # of accounts that go to another company
DebtId = NewType("DebtId", str)
DraftId = NewType("DraftId", str)  # of the next policy or terms, before they are in force
ExtractId = NewType("ExtractId", str)  # of rows of people by pseudonyms, for research
FeedId = NewType("FeedId", str)  # of a file of what a company knows of our customers
IncidentId = NewType("IncidentId", str)
InstrumentId = NewType("InstrumentId", str)  # of a court's or authority's order
ProgrammeId = NewType("ProgrammeId", str)
PullId = NewType("PullId", str)  # of a company's question that it reads page by page
ReportId = NewType("ReportId", str)  # of a question about everybody, and of its answer

NOBODY: Final = PersonId("")  # whose rows are nobody's, such as registers
NO_USER: Final = UserId("")  # where nobody who works at a desk did it, or not yet
