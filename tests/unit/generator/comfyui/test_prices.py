"""What a GPU hour costs, as the setting says it."""

from __future__ import annotations

import pytest

from libs.contracts.errors import Permanent
from services.generator.comfyui.build import prices_of


def test_by_device_and_for_all_others() -> None:
    assert prices_of(" NVIDIA L40S = 1.20, *=0.8,Cheap One=0 ") == {"NVIDIA L40S": 1.2, "": 0.8, "Cheap One": 0.0}
    assert prices_of("") == {}


@pytest.mark.parametrize("text", ["*=nan", "*=inf", "*=-0.1", "*=1e999", "*=", "=1.2", "NVIDIA L40S", "*=1,*=2"])
def test_what_is_no_price_is_refused(text: str) -> None:
    with pytest.raises(Permanent) as error:
        prices_of(text)
    assert error.value.code == "bad_setting"
