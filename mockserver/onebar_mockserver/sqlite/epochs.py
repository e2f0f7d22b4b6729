"""What a database has to forget and to say when it is put back in the place of a later one (R21)."""

import sqlite3


def mint_epochs(connection: sqlite3.Connection) -> int:
    """Begin a new epoch of every mailbox, in one transaction; return how many.

    A cursor of before means nothing any more, so each phone takes everything again that it had not acknowledged when
    the copy was made; what it has already, it knows by its number. One-time prekeys go: those of the copy may have been
    handed out since, and a session that begins with a spent one does not open. The phones publish new ones when they
    see that none is left. Codes were valid for minutes.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        minted = connection.execute("UPDATE positions SET epoch = epoch + 1").rowcount
        connection.execute(
            "INSERT INTO handed_out SELECT device, kind, max(no) FROM prekeys WHERE true GROUP BY device, kind"
            " ON CONFLICT (device, kind) DO UPDATE SET upto = max(upto, excluded.upto)"
        )
        connection.execute("DELETE FROM prekeys")
        connection.execute("DELETE FROM codes")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    return minted
