"""What the settings of observe accept, and what they say of what they do not."""

import pytest
from pydantic import ValidationError

from resilibot.observe.settings import ObserveSettings


def test_without_an_index_meaning_is_compared_in_the_process() -> None:
    assert ObserveSettings().s3_vectors is None
    assert ObserveSettings(runbook_index="").s3_vectors is None


def test_an_index_of_s3_vectors_is_a_bucket_and_an_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESILIBOT_RUNBOOK_INDEX", "s3vectors:home-vectors/runbooks.v1")
    assert ObserveSettings().s3_vectors == ("home-vectors", "runbooks.v1")


@pytest.mark.parametrize(
    "told",
    [
        "s3vectors",
        "s3vectors:bucket",
        "s3vectors:bucket/",
        "s3vectors:/index",
        "s3vectors:bucket/index/more",
        "s3vectors:Bucket/index",
        "s3vectors:bu/index",
        f"s3vectors:{'b' * 64}/index",
        "s3vectors:bucket-/index",
        "s3vectors:bucket/index\n",
        "opensearch:bucket/index",
        "s3://bucket/index",
        "arn:aws:s3vectors:eu-west-1:123456789012:bucket/b/index/i",
    ],
)
def test_anything_else_is_refused_with_the_form_it_should_have(told: str) -> None:
    with pytest.raises(ValidationError, match="RESILIBOT_RUNBOOK_INDEX is s3vectors:BUCKET/INDEX, both of 3 to 63"):
        ObserveSettings(runbook_index=told)


def test_an_index_without_the_encoder_is_a_contradiction() -> None:
    with pytest.raises(ValidationError, match="needs the encoder, and RESILIBOT_RUNBOOK_ENCODER is false"):
        ObserveSettings(runbook_index="s3vectors:bucket/index", runbook_encoder=False)
