"""Run the steps on the connection that is given, within its transaction."""

from alembic import context

from upheld.database.schema import VERSIONS

context.configure(
    connection=context.config.attributes["connection"],
    version_table=VERSIONS,
    transactional_ddl=True,  # true of SQLite too, when transactions are begun by hand
)
context.run_migrations()
