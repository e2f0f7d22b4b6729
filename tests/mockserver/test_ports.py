from onebar_mockserver.ports import RegistrationError


def test_a_registration_error_has_a_name_and_a_sentence() -> None:
    error = RegistrationError("wrong_code", "the code is wrong")
    assert (error.name, str(error)) == ("wrong_code", "the code is wrong")
