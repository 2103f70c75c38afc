"""SubjectKeysContract: what every keeper of persons' data keys must do. Subclass it with `keys` and `elsewhere`.

`elsewhere` is the same keeper as another process sees it.
"""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from resilibot.runtime.personal import SubjectKeys


class SubjectKeysContract:
    @pytest.fixture
    def who(self, keys: SubjectKeys) -> str:
        return keys.pseudonym(f"{uuid4().hex}@example.org")

    def test_a_pseudonym_is_the_same_everywhere_and_differs_between_persons(
        self, keys: SubjectKeys, elsewhere: SubjectKeys
    ) -> None:
        assert keys.pseudonym("ann") == elsewhere.pseudonym("ann")
        assert keys.pseudonym("ann") != keys.pseudonym("bob")
        assert len(keys.pseudonym("ann")) == 32
        assert int(keys.pseudonym("ann"), 16)

    def test_the_key_is_made_once_and_found_elsewhere(
        self, keys: SubjectKeys, elsewhere: SubjectKeys, who: str
    ) -> None:
        made = keys.obtain(who)
        assert made is not None
        assert len(made) == 32
        assert elsewhere.obtain(who) == made
        assert elsewhere.find([who]) == {who: made}

    def test_many_at_once_get_one_key(self, keys: SubjectKeys, elsewhere: SubjectKeys, who: str) -> None:
        with ThreadPoolExecutor(8) as pool:
            made = set(pool.map(lambda number: (keys if number % 2 else elsewhere).obtain(who), range(8)))
        assert len(made) == 1

    def test_each_person_has_a_key_of_their_own(self, keys: SubjectKeys) -> None:
        assert keys.obtain(keys.pseudonym("ann")) != keys.obtain(keys.pseudonym("bob"))

    def test_a_stranger_has_none_and_cannot_be_forgotten(self, keys: SubjectKeys, who: str) -> None:
        assert keys.find([who]) == {}
        assert keys.destroy(who) is False

    def test_a_destroyed_key_is_gone_at_once_for_those_who_used_it_and_never_comes_back(
        self, keys: SubjectKeys, elsewhere: SubjectKeys, who: str
    ) -> None:
        other = keys.pseudonym("somebody else")
        kept = keys.obtain(other)
        keys.obtain(who)
        elsewhere.find([who])
        assert keys.destroy(who) is True
        assert keys.destroy(who) is True
        for one in (keys, elsewhere):
            assert one.find([who, other]) == {other: kept}
            assert one.obtain(who) is None

    def test_more_persons_than_one_read_takes_are_all_found(self, keys: SubjectKeys) -> None:
        many = {keys.pseudonym(f"person {number}") for number in range(101)}
        made = {name: keys.obtain(name) for name in many}
        assert keys.find(many) == made
