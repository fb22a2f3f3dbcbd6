import re
import string

from hypothesis import given
from hypothesis import strategies as st

from att.identity.credential import digest, is_session, is_token, new_session, new_token, normal_claim_code

CHARACTERS = string.ascii_letters + string.digits + "-_"


def test_fresh_secrets_have_their_form_and_differ() -> None:
    made = {new_token() for _ in range(50)}
    assert len(made) == 50
    assert all(re.fullmatch(r"att_[A-Za-z0-9_-]{43}", token) and is_token(token) for token in made)
    session = new_session()
    assert is_session(session)
    assert not is_token(session)
    assert not is_session(new_token())


@given(st.text(alphabet=CHARACTERS, min_size=43, max_size=43))
def test_the_form_is_all_that_counts(body: str) -> None:
    assert is_token("att_" + body)
    assert is_session("atts_" + body)
    for wrong in (body, "att_" + body[1:], "att_" + body + "x", "ATT_" + body, " att_" + body, "att_" + body + "\n"):
        assert not is_token(wrong)


@given(st.text())
def test_no_text_breaks_the_parsers(text: str) -> None:
    assert not (is_token(text) and is_session(text))
    assert re.fullmatch(r"[0-9a-f]{64}", digest(text))


@given(st.text(alphabet="ABCDEFGHJKMNPQRSTVWXYZ23456789", min_size=8, max_size=16), st.data())
def test_a_claim_code_may_be_typed_with_dashes_spaces_and_in_lower_case(code: str, data: st.DataObject) -> None:
    typed = "".join(
        (letter.lower() if data.draw(st.booleans()) else letter) + data.draw(st.sampled_from(["", "-", " "]))
        for letter in code
    )
    assert normal_claim_code(typed) == code
