"""R21: a restored copy begins new epochs, and hands out no prekey that may be spent."""

from contextlib import closing
from pathlib import Path

import pytest

from onebar_mockserver.sqlite.database import open_database
from onebar_mockserver.sqlite.epochs import mint_epochs
from onebar_mockserver.sqlite.invariants import broken
from tests.mockserver.sqlite.test_invariants import SOUND


def test_r21_a_restore_begins_new_epochs(tmp_path: Path) -> None:
    with closing(open_database(tmp_path / "onebar.sqlite3")) as connection:
        connection.executescript(SOUND)
        connection.execute("INSERT INTO codes VALUES ('+1', 0, 5, 1, 0, x'01')")
        connection.execute("UPDATE positions SET epoch = 7 WHERE device = 22")
        assert mint_epochs(connection) == 2
        assert connection.execute("SELECT device, epoch FROM positions").fetchall() == [(11, 2), (22, 8)]
        assert connection.execute("SELECT * FROM prekeys").fetchall() == []
        assert connection.execute("SELECT * FROM handed_out").fetchall() == [(22, 1, 8)]
        assert connection.execute("SELECT * FROM codes").fetchall() == []
        assert connection.execute("SELECT count(*) FROM entries").fetchone() == (2,)
        assert list(broken(connection)) == []


def test_it_is_one_transaction(tmp_path: Path) -> None:
    with closing(open_database(tmp_path / "onebar.sqlite3")) as connection:
        connection.executescript(SOUND)
        connection.executescript(
            "CREATE TRIGGER broken BEFORE DELETE ON prekeys BEGIN SELECT raise(ABORT, 'disk'); END"
        )
        with pytest.raises(Exception, match="disk"):
            mint_epochs(connection)
        assert connection.execute("SELECT DISTINCT epoch FROM positions").fetchall() == [(1,)]
